"""A hub and the dataflow files it names, as one document that remembers where each part was written.

A dataflow stands in the hub, or there is `{file: dataflows/air.yaml}`, and it stands in that file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from director.documents.sources import Files
from director.positions import Location, Tree
from director.strict import DocumentError, Graft, Problem, Source

FILE = "file"


@dataclass(frozen=True, slots=True)
class Composed:
    """`source` is the whole, `parts` the files that could be read, the hub first; `missing` dataflows are in none."""

    source: Source
    parts: tuple[Source, ...]
    missing: frozenset[str]
    problems: tuple[Problem, ...]


def composed(files: Files) -> Composed:
    """Raises DocumentError where there is no hub to begin with."""
    hub = files.hub()
    if not isinstance(hub.data, dict) or not isinstance(hub.data.get("dataflows"), dict):
        return Composed(hub, (hub,), frozenset(), ())
    flows: dict[str, Any] = dict(hub.data["dataflows"])
    parts: dict[str, Source] = {}
    problems: list[Problem] = []
    named = dict(_named(flows))
    for name, file in named.items():
        try:
            parts[name] = _part(hub, files, name, file)
        except DocumentError as error:
            problems += error.problems
        flows[name] = parts[name].data if name in parts else {}
    whole = Tree({**hub.data, "dataflows": flows}, hub.tree.values, hub.tree.keys)
    grafts: dict[Location, Graft] = {("dataflows", name): Graft(part) for name, part in parts.items()}
    missing = frozenset(named) - frozenset(parts)
    return Composed(Source(hub.name, whole, grafts), (hub, *parts.values()), missing, tuple(problems))


def _named(flows: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, flow in flows.items():
        if isinstance(flow, dict) and FILE in flow:
            yield name, flow[FILE]


def _part(hub: Source, files: Files, name: str, file: Any) -> Source:
    at = ("dataflows", name, FILE)
    if len(hub.data["dataflows"][name]) > 1:
        message = "a dataflow is written here or in a file of its own; move the rest of it there, or remove this"
        raise DocumentError([hub.problem(at, message, at_key=True)])
    if not isinstance(file, str):
        raise DocumentError([hub.problem(at, "is no file; write its path from here, such as dataflows/air.yaml")])
    try:
        return files.named(file, hub)
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError([hub.problem(at, str(error))]) from error
