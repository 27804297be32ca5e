"""What Cloud Storage keeps: buckets, objects and unfinished uploads. Times are seconds since 1970."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Bucket:
    """`settings` are the fields its owner may set, as the JSON API has them; `policy` is its IAM policy."""

    name: str
    project: str
    created: float
    updated: float
    metageneration: int
    settings: dict[str, Any]
    policy: dict[str, Any]

    @property
    def versioned(self) -> bool:
        return bool(self.settings.get("versioning", {}).get("enabled"))


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One generation of an object.

    `content` is the key of its bytes, `deleted` when a newer generation or a delete made it noncurrent,
    `components` how many objects it was composed of.
    """

    bucket: str
    name: str
    generation: int
    metageneration: int
    content: str
    size: int
    crc32c: str
    md5: str | None
    created: float
    updated: float
    deleted: float | None
    components: int | None
    settings: dict[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        return self.name, self.generation


@dataclass(frozen=True, slots=True)
class Upload:
    """A resumable upload; `generation` is set once its object exists."""

    id: str
    bucket: str
    name: str
    content: str
    created: float
    settings: dict[str, Any]
    claims: dict[str, str]
    conditions: dict[str, str]
    length: int | None
    generation: int | None


@dataclass(frozen=True, slots=True)
class NoBucket:
    name: str


@dataclass(frozen=True, slots=True)
class NoObject:
    bucket: str
    name: str
    generation: int


@dataclass(frozen=True, slots=True)
class NoUpload:
    id: str


Change = Bucket | StoredObject | Upload | NoBucket | NoObject | NoUpload

_KINDS: dict[str, type[Change]] = {
    kind.__name__: kind for kind in (Bucket, StoredObject, Upload, NoBucket, NoObject, NoUpload)
}
_FIELDS = {kind: [field.name for field in fields(kind)] for kind in _KINDS.values()}


def encode(changes: Iterable[Change]) -> bytes:
    """One journal record: changes that happen together or not at all."""
    rows = [[type(change).__name__, *(getattr(change, field) for field in _FIELDS[type(change)])] for change in changes]
    return json.dumps(rows, separators=(",", ":")).encode()


def decode(record: bytes) -> list[Change]:
    return [_KINDS[kind](*values) for kind, *values in json.loads(record)]
