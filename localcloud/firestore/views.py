"""Documents to read: those of now, or those of a time that is not long ago."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Protocol

from localcloud.firestore.database import Database, Entry
from localcloud.firestore.names import Path
from localcloud.rpc import failed_precondition, invalid_argument


class View(Protocol):
    """A consistent state; `time` is its microsecond."""

    @property
    def time(self) -> int: ...
    def get(self, name: str) -> Entry | None: ...
    def below(self, path: Path) -> Sequence[Entry]: ...


class Present:
    """The documents as they are, for use before anything else can commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.time = database.now()

    def get(self, name: str) -> Entry | None:
        return self._database.entries.get(name)

    def below(self, path: Path) -> Sequence[Entry]:
        return self._database.below(path)


class AsOf:
    """The documents as they were: the present with what came later undone. Raises RpcError when that is forgotten."""

    def __init__(self, database: Database, time: int) -> None:
        if time > database.now():
            raise invalid_argument("read_time cannot be in the future.")
        if not database.remembers(time):
            raise failed_precondition("The requested snapshot version is too old.")
        self.time = time
        self._database = database
        self._undone: dict[str, Entry | None] = {}
        for past in reversed(database.past):
            if past.until <= time:
                break
            self._undone[past.name] = past.entry

    def get(self, name: str) -> Entry | None:
        return self._undone[name] if name in self._undone else self._database.entries.get(name)

    def below(self, path: Path) -> Sequence[Entry]:
        untouched = [entry for entry in self._database.below(path) if entry.name not in self._undone]
        undone = [entry for entry in self._undone.values() if entry and entry.path[: len(path)] == path]
        return sorted(untouched + undone, key=attrgetter("path"))
