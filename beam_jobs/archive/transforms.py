"""The archiving of a batch: lines by event date and key, one object for each, written side by side."""

from collections.abc import Sequence
from typing import Protocol

from google.cloud import storage

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.objects import ArchiveObject, Line, line, objects, partition
from beam_jobs.archive.storage import Bucket
from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import Result, Stage
from bridge import envelope
from director.endpoints import credentials

STAGE = "archive"


class Store(Protocol):
    """Takes objects; gives conflicts by object name."""

    def write(self, objects: list[ArchiveObject]) -> dict[str, CannotSucceed]: ...


class Archiver:
    """Messages as lines of objects. One that cannot be a line never holds up the others."""

    def __init__(self, store: Store, config: ArchiveConfig) -> None:
        self._store = store
        self._config = config

    def __call__(self, batch: Sequence[bytes]) -> Result:
        lines: list[tuple[str, Line]] = []
        sources: list[bytes] = []
        dead: list[bytes] = []
        for raw in batch:
            message = envelope.parse(raw)
            try:
                archived = line(message)
            except CannotSucceed as error:
                dead.append(self._dead(raw, error))
                continue
            lines.append((partition(message, archived, self._config.key), archived))
            sources.append(raw)
        conflicts = self._store.write(objects(self._config.prefix, lines))
        dead += self._in_conflict(conflicts, lines, sources)
        return Result(done=len(batch) - len(dead), dead_letters=dead)

    def _in_conflict(
        self, conflicts: dict[str, CannotSucceed], lines: Sequence[tuple[str, Line]], sources: Sequence[bytes]
    ) -> list[bytes]:
        """Dead letters of the messages whose object met another of its name."""
        folders = {name.rsplit("/", 1)[0]: error for name, error in conflicts.items()}
        return [
            self._dead(raw, folders[f"{self._config.prefix}/{place}"])
            for (place, _), raw in zip(lines, sources, strict=True)
            if f"{self._config.prefix}/{place}" in folders
        ]

    def _dead(self, raw: bytes, error: CannotSucceed) -> bytes:
        return dead_letter(raw, STAGE, self._config.subscription, error)


def open_archiver(config: ArchiveConfig) -> Stage:
    client = storage.Client(project="unused", credentials=credentials("storage"))  # objects need no project
    return Archiver(Bucket(client, config.bucket), config)
