"""One database: its documents in order, what they were a while ago, and commits that happen whole or not at all."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from localcloud.clock import Clock
from localcloud.firestore.messages import WriteResult, micros, timestamp
from localcloud.firestore.names import Path, after_all_below, document_path, path_of
from localcloud.firestore.writes import check_precondition, target, written

_REMEMBERED = 10_000  # changes that reads of the past can go back
_HORIZON = 3600 * 1_000_000  # microseconds that they can go back


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored document: as a message, as bytes, and its version in microseconds."""

    name: str
    path: Path
    document: Any
    encoded: bytes
    updated: int


@dataclass(frozen=True, slots=True)
class Past:
    """What a document was before the commit at `until`."""

    until: int
    name: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Committed:
    """When, and one WriteResult a write."""

    time: int
    results: list[Any]


Changes = dict[str, Entry | None]  # by name; None is a deletion
Record = Callable[[Changes], None]

_by_path = attrgetter("path")


def entry_of(document: Any) -> Entry:
    return Entry(
        document.name, path_of(document.name), document, document.SerializeToString(), micros(document.update_time)
    )


class Database:
    """`record` must have put changes where they survive before it returns."""

    def __init__(self, name: str, clock: Clock, record: Record) -> None:
        self.name = name
        self.entries: dict[str, Entry] = {}
        self.past: deque[Past] = deque()
        self._in_order: list[Entry] = []
        self._clock = clock
        self._record = record
        self._last = self._forgotten = 0
        self._listeners: set[Callable[[], None]] = set()

    def now(self) -> int:
        """The time of a read: nothing committed later will have it, or an earlier one."""
        self._last = max(self._last, self._clock.time_ns() // 1000)
        return self._last

    def remembers(self, time: int) -> bool:
        """Whether the documents of that time are still known."""
        return self._forgotten <= time and self._clock.time_ns() // 1000 - time <= _HORIZON

    def below(self, path: Path) -> Sequence[Entry]:
        """All documents whose path begins with `path`, in order."""
        if not path:
            return self._in_order
        start = bisect_left(self._in_order, path, key=_by_path)
        end = bisect_left(self._in_order, after_all_below(path), lo=start, key=_by_path)
        return self._in_order[start:end]

    def commit(self, writes: Sequence[Any]) -> Committed:
        """Raises RpcError, and changes nothing, when one of the writes is refused."""
        time = max(self.now(), self._last + 1)
        changes: Changes = {}
        results = [self._outcome(write, time, changes) for write in writes]
        changed = {name: entry for name, entry in changes.items() if entry is not self.entries.get(name)}
        if changed:
            self._record(changed)
            self._last = time
            self._remember(changed, time)
            self.apply(changed)
            for listener in list(self._listeners):
                listener()
        return Committed(time, results)

    def apply(self, changes: Changes) -> None:
        for name, entry in changes.items():
            self._place(self.entries.get(name), entry)
            if entry is None:
                self.entries.pop(name, None)
            else:
                self.entries[name] = entry

    def restored(self) -> None:
        """What was before the start of this process is not known."""
        self._last = max([self._last, *(entry.updated for entry in self.entries.values())])
        self._forgotten = self.now()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each commit, until the function returned is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _outcome(self, write: Any, time: int, changes: Changes) -> Any:
        name = target(write)
        known = name in self.entries or name in changes
        path = () if known else document_path(name, self.name)
        before = changes[name] if name in changes else self.entries.get(name)
        stored = before.document if before else None
        check_precondition(write.current_document, name, stored)
        document, results = written(write, stored, time)
        after = None if document is None else self._entry(before, document, path, time)
        changes[name] = after
        result = WriteResult(transform_results=results)
        if after is not None:
            result.update_time.CopyFrom(after.document.update_time)
        return result

    def _entry(self, before: Entry | None, document: Any, path: Path, time: int) -> Entry:
        """The very same entry when the write changed nothing: then its update time stays."""
        if before is None:
            document.create_time.CopyFrom(timestamp(time))
        else:
            document.create_time.CopyFrom(before.document.create_time)
            document.update_time.CopyFrom(before.document.update_time)
            if document == before.document:
                return before
        document.update_time.CopyFrom(timestamp(time))
        place = before.path if before else path or path_of(document.name)
        return Entry(document.name, place, document, document.SerializeToString(), time)

    def _place(self, old: Entry | None, new: Entry | None) -> None:
        entry = new or old
        if entry is None:
            return
        index = bisect_left(self._in_order, entry.path, key=_by_path)
        if old is None:
            self._in_order.insert(index, entry)
        elif new is None:
            del self._in_order[index]
        else:
            self._in_order[index] = new

    def _remember(self, changes: Changes, time: int) -> None:
        self.past.extend(Past(time, name, self.entries.get(name)) for name in changes)
        while len(self.past) > _REMEMBERED or time - self.past[0].until > _HORIZON:
            self._forgotten = self.past.popleft().until
