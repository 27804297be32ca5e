"""The columns of a config in a file, a job's own or an architecture, and whether a table takes them."""

from pathlib import Path
from typing import Any

from beam_jobs.errors import RetryLater
from beam_jobs.warehouse.config import Column, table_name
from beam_jobs.warehouse.schema import TableSchema, default_stream, differences
from director.endpoints import channel
from director.strict import DocumentError, Problem, Source, Strict, check, parsed, read


class _Mapping(Strict):
    columns: tuple[Column, ...]


def columns(path: Path, dataflow: str | None, service: str) -> tuple[Column, ...]:
    """Raises DocumentError with every problem."""
    source = read(path)
    if not isinstance(source.data, dict):
        raise _problem(source, "is not a mapping of keys to values")
    found = source.data if "columns" in source.data else _service(source, dataflow, service)
    where = source.name if found is source.data else f"{source.name}: {service}"
    mapping, problems = check(parsed({"columns": found.get("columns")}, where), _Mapping)
    if mapping is None or problems:
        raise DocumentError(problems)
    return mapping.columns


def misfits(table: str, wanted: tuple[Column, ...]) -> list[str]:
    """What keeps rows of these columns out of a live table. Raises DocumentError for a name that is none, OSError
    where the table cannot be read."""
    try:
        name = table_name(table)
    except ValueError as error:
        raise DocumentError([Problem("--against", 0, 0, "", str(error))]) from error
    to = channel("bigquerystorage")
    try:
        return list(differences(wanted, TableSchema(to, default_stream(name)).read()))
    except RetryLater as error:
        raise OSError(str(error)) from error
    finally:
        to.close()


def _service(source: Source, dataflow: str | None, service: str) -> dict[str, Any]:
    flows = source.data.get("dataflows")
    named = {name: _flow(source, flow) for name, flow in (flows or {}).items() if dataflow in (None, name)}
    configs = [flow.get("services", {}).get(service, {}).get("config") for flow in named.values()]
    found = [config for config in configs if config and "columns" in config]
    if len(found) != 1:
        where = f"dataflow {dataflow}" if dataflow else "the dataflows"
        advice = "name one with --dataflow" if found else "name another with --service"
        raise _problem(source, f"{len(found)} services {service!r} with columns in {where}; {advice}")
    return dict(found[0])


def _flow(hub: Source, flow: Any) -> Any:
    """A dataflow, which may be in a file beside the architecture."""
    if not isinstance(flow, dict) or not isinstance(flow.get("file"), str):
        return flow
    return read(Path(hub.name).parent / flow["file"]).data


def _problem(source: Source, message: str) -> DocumentError:
    return DocumentError([Problem(source.name, 0, 0, "", message)])
