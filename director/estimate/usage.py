"""How much flows and how long it stays: what no architecture says, and every estimate needs.

    defaults: {messages_per_second: 100, bytes: 500}   # of every topic where data enters
    topics:
      rollups: {share: 0.05, bytes: 300}               # of what its producers get
    tables:
      environment: {row_bytes: 900, stored_months: 12}

Names are those of the architecture, with or without the suffix of its environment; tables are called `table`, or
`dataset.table` where several datasets have one. Once read, all stand under their full names.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from director import keys
from director.documents.model import Architecture
from director.documents.suffixes import unsuffixed
from director.strict import DocumentError, Problem, Source, Strict, check, similar
from director.strict import read as read_source

PerSecond = Annotated[float, Field(ge=0, le=1e9)]
Bytes = Annotated[int, Field(ge=0, le=10_000_000)]  # the largest message Pub/Sub takes
Months = Annotated[float, Field(gt=0, le=1200)]
Share = Annotated[float, Field(ge=0, le=1000)]  # above 1 where a service sends more than it gets


class Defaults(Strict):
    """Of each topic where data enters; `bytes` is a whole message with its attributes."""

    messages_per_second: PerSecond | None = None
    bytes: Bytes | None = None


class TopicUse(Strict):
    """What a topic gets: so many messages, or a share of what its producers get."""

    messages_per_second: PerSecond | None = None
    share: Share | None = None
    bytes: Bytes | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.messages_per_second is not None and self.share is not None:
            raise ValueError("has messages_per_second and share; keep one of the two")
        return self


class TableUse(Strict):
    """`share` is how many rows come of a message that its producers get; `row_bytes` are logical bytes."""

    share: Share = 1.0
    row_bytes: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    stored_months: Months | None = None


class BucketUse(Strict):
    """`stored_share` is how many bytes are kept of each one that comes: less than 1 where they are compressed."""

    stored_share: Share = 1.0
    stored_months: Months | None = None
    objects_per_hour: PerSecond | None = None


class CollectionUse(Strict):
    """What services do with a collection's documents, beyond its seeds."""

    reads_per_second: PerSecond = 0.0
    writes_per_second: PerSecond = 0.0
    deletes_per_second: PerSecond = 0.0
    stored_gib: Annotated[float, Field(ge=0, le=1e9)] | None = None


class SecretUse(Strict):
    """`versions` that are not destroyed yet."""

    versions: Annotated[int, Field(ge=0, le=100_000)] = 1
    accesses_per_hour: PerSecond = 0.0


class InstancesUse(Strict):
    """How many instances of a Cloud Run service there are on the average."""

    instances: Annotated[float, Field(ge=0, le=100_000)]


class RunsUse(Strict):
    """How many hours a month the tasks of a Cloud Run job run, all taken together."""

    task_hours: Annotated[float, Field(ge=0, le=1e9)]


class WorkersUse(Strict):
    """How many workers a Dataflow job has on the average."""

    workers: Annotated[float, Field(ge=0, le=100_000)]


class Usage(Strict):
    """By the kind and the name of each resource; what is not said has an assumption, or no estimate."""

    defaults: Defaults = Defaults()
    topics: dict[str, TopicUse] = Field(default_factory=dict)
    tables: dict[str, TableUse] = Field(default_factory=dict)
    buckets: dict[str, BucketUse] = Field(default_factory=dict)
    collections: dict[str, CollectionUse] = Field(default_factory=dict)
    secrets: dict[str, SecretUse] = Field(default_factory=dict)
    cloud_run_services: dict[str, InstancesUse] = Field(default_factory=dict)
    cloud_run_jobs: dict[str, RunsUse] = Field(default_factory=dict)
    dataflow_jobs: dict[str, WorkersUse] = Field(default_factory=dict)


KINDS = (
    ("topics", keys.TOPICS),
    ("tables", keys.TABLES),
    ("buckets", keys.BUCKETS),
    ("collections", keys.COLLECTIONS),
    ("secrets", keys.SECRETS),
    ("cloud_run_services", keys.CLOUD_RUN_SERVICES),
    ("cloud_run_jobs", keys.CLOUD_RUN_JOBS),
    ("dataflow_jobs", keys.DATAFLOW_JOBS),
)  # what each section of a usage is about


def entering(messages_per_second: float | None, bytes_: int | None, usage: Usage | None = None) -> Usage:
    """The usage with these as its defaults, where they are given."""
    usage = usage or Usage()
    given = {"messages_per_second": messages_per_second, "bytes": bytes_}
    said = {name: value for name, value in given.items() if value is not None}
    return usage.model_copy(update={"defaults": usage.defaults.model_copy(update=said)})


def read(path: Path, architecture: Architecture) -> Usage:
    """From a file. Raises DocumentError, also for names that the architecture does not have."""
    source = read_source(path)
    usage, problems = check(source, Usage)
    problems += _misnamed(source, architecture)
    if usage is None or problems:
        raise DocumentError(problems)
    full = {section: _by_full_name(getattr(usage, section), _names(architecture, kind)) for section, kind in KINDS}
    return usage.model_copy(update=full)


def _by_full_name(said: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {known[name][0]: use for name, use in said.items()}


def _misnamed(source: Source, architecture: Architecture) -> Iterator[Problem]:
    for section, kind in KINDS:
        known, taken = _names(architecture, kind), dict[str, str]()
        for name in _written(source, section):
            meant = known.get(name, ())
            message = None
            if not meant:
                message = f"no '{name}' in the {kind} of '{architecture.name}'; {similar(name, known)}"
            elif len(meant) > 1:
                message = f"several of the {kind} are called '{name}'; write {' or '.join(meant)}"
            elif meant[0] in taken:
                message = f"is the same as '{taken[meant[0]]}'; keep one"
            if message:
                yield source.problem((section, name), message, at_key=True)
            taken |= dict.fromkeys(meant, name)


def _written(source: Source, section: str) -> Sequence[str]:
    found = source.data.get(section) if isinstance(source.data, dict) else None
    return list(found) if isinstance(found, dict) else ()


def _names(architecture: Architecture, kind: str) -> Mapping[str, Sequence[str]]:
    """How the resources of a kind may be called here, and the full names that each of these means."""
    found: dict[str, list[str]] = {}
    for dataflow in architecture.dataflows.values():
        for spec in getattr(dataflow.resources, kind, ()):
            full = full_name(spec)
            for called in {spec.name, full, *_unsuffixed(kind, spec, architecture.name_suffix)}:
                meant = found.setdefault(called, [])
                if full not in meant:  # a secret may be made by one dataflow and referred to by others
                    meant.append(full)
    return found


def _unsuffixed(kind: str, spec: Any, suffix: str | None) -> tuple[str, ...]:
    name = unsuffixed(spec.name, suffix, kind)
    dataset = getattr(spec, "dataset", None)
    return (name, f"{unsuffixed(dataset, suffix, keys.DATASETS)}.{name}") if dataset else (name,)


def full_name(spec: Any) -> str:
    """What one resource alone of its kind is called."""
    dataset = getattr(spec, "dataset", None)
    return f"{dataset}.{spec.name}" if dataset else str(spec.name)
