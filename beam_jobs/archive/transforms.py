"""The archiving of a batch: messages as lines, lines as objects, objects into the bucket and the manifest."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from apache_beam.metrics import Metrics
from google.cloud import storage

from beam_jobs.archive import manifest
from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.formats import FORMATS, lines_in
from beam_jobs.archive.gathering import Blob, Gathering
from beam_jobs.archive.lines import line_with, restored
from beam_jobs.archive.objects import ArchiveObject, archive_object
from beam_jobs.archive.partitions import partition
from beam_jobs.archive.storage import Bucket
from beam_jobs.attributes import read
from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed, Misconfigured
from beam_jobs.stages import DETAILS, Result, Stage
from director.endpoints import credentials

log = logging.getLogger(__name__)

STAGE = "archive"
GROUP_OBJECTS, GROUP_BYTES = 1_000, 32_000_000  # written side by side, and listed in the same part of the manifest


class Store(Protocol):
    """Takes objects; gives, by name, what lies there otherwise than given."""

    def write(self, objects: Sequence[ArchiveObject]) -> Mapping[str, ArchiveObject | CannotSucceed]: ...


class LineReader:
    """Messages as lines, each with the folder it goes to."""

    def __init__(self, config: ArchiveConfig) -> None:
        self._partition = partition(config.folders)
        self._subscription = config.subscription

    def read(self, raw: bytes) -> tuple[str, bytes]:
        """Folder and line. Raises CannotSucceed."""
        json, event_time, attributes = line_with(*read(raw))
        return self._partition(event_time, attributes), json

    def dead(self, raw: bytes, error: CannotSucceed) -> bytes:
        return dead_letter(raw, STAGE, self._subscription, error)


class ObjectWriter:
    """Blobs as objects, listed in the manifest once they are written. May be called by several threads."""

    objects = Metrics.counter(DETAILS, "archive_objects")
    conflicts = Metrics.counter(DETAILS, "archive_conflicts")
    repeated = Metrics.counter(DETAILS, "archive_repeated_lines")
    parts = Metrics.counter(DETAILS, "archive_manifest_parts")
    octets = Metrics.distribution(DETAILS, "archive_object_bytes")
    messages = Metrics.distribution(DETAILS, "archive_object_messages")

    def __init__(self, store: Store, config: ArchiveConfig) -> None:
        self._store = store
        self._config = config

    def write(self, blobs: Iterable[Blob]) -> Iterator[bytes]:
        """Writes an object for each blob; gives dead letters. Raises RetryLater or Misconfigured."""
        for group in _groups(map(self._packed, blobs)):
            yield from self._written(group)

    def _packed(self, blob: Blob) -> ArchiveObject:
        lines = lines_in(blob.text)
        made = archive_object(blob.folder, lines, self._config.format)
        self.repeated.inc(len(lines) - int(made.metadata["count"]))
        return made

    def _written(self, group: Sequence[ArchiveObject]) -> Iterator[bytes]:
        """A crash behind the objects leaves them unlisted until the same is written again, which lists them all."""
        otherwise = self._store.write(group)
        conflicts = {name: found for name, found in otherwise.items() if isinstance(found, CannotSucceed)}
        stored = {name: found for name, found in otherwise.items() if isinstance(found, ArchiveObject)}
        good = [stored.get(one.name, one) for one in group if one.name not in conflicts]
        self._list(good)
        for one in good:
            self.octets.update(len(one.content))
            self.messages.update(int(one.metadata["count"]))
        self.objects.inc(len(good))
        return chain.from_iterable(self._dead(one, conflicts[one.name]) for one in group if one.name in conflicts)

    def _list(self, objects: Sequence[ArchiveObject]) -> None:
        prefix = self._config.prefix
        parts = manifest.parts(prefix, [manifest.entry(prefix, one) for one in objects])
        for error in self._store.write(parts).values():
            raise Misconfigured(
                f"the manifest cannot list what is written: gs://{self._config.bucket}/{error}; remove it"
            )
        self.parts.inc(len(parts))

    def _dead(self, one: ArchiveObject, error: CannotSucceed) -> Iterator[bytes]:
        lines = FORMATS[self._config.format].decode(one.content)
        self.conflicts.inc()
        log.error("%d messages are now dead letters: gs://%s/%s", len(lines), self._config.bucket, error)
        for json in lines:
            yield dead_letter(restored(json), STAGE, self._config.subscription, error)


class Archiver:
    """Messages into objects at once. One that cannot be a line never holds up the others."""

    def __init__(self, store: Store, config: ArchiveConfig) -> None:
        self._reader = LineReader(config)
        self._writer = ObjectWriter(store, config)
        self._config = config

    def __call__(self, batch: Sequence[bytes]) -> Result:
        dead: list[bytes] = []
        in_conflict = list(self._writer.write(self._blobs(batch, dead)))
        return Result(done=len(batch) - len(dead) - len(in_conflict), dead_letters=dead + in_conflict)

    def _blobs(self, batch: Sequence[bytes], dead: list[bytes]) -> Iterator[Blob]:
        """Each with as much as an object may hold."""
        gathering = Gathering(self._config.flush_messages, self._config.flush_bytes, self._config.open_bytes)
        read = self._reader.read
        for raw in batch:
            try:
                folder, json = read(raw)
            except CannotSucceed as error:
                dead.append(self._reader.dead(raw, error))
                continue
            yield from gathering.add(folder, json)
        yield from gathering.rest()


def open_archiver(config: ArchiveConfig) -> Stage:
    return Archiver(open_bucket(config), config)


def open_writer(config: ArchiveConfig) -> ObjectWriter:
    return ObjectWriter(open_bucket(config), config)


def open_bucket(config: ArchiveConfig) -> Bucket:
    client = storage.Client(project="unused", credentials=credentials("storage"))  # objects need no project
    return Bucket(client, config.bucket)


def _groups(objects: Iterable[ArchiveObject]) -> Iterator[list[ArchiveObject]]:
    group: list[ArchiveObject] = []
    size = 0
    for one in objects:
        group.append(one)
        size += len(one.content)
        if len(group) >= GROUP_OBJECTS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
