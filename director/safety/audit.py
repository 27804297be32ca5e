"""Who changed what, and how it ended: records that are only ever added, before the effect and after it.

Each is a line of JSON where records are kept, and a line of the log. No record holds a body, a header or a value
of any configuration: only names, hashes and results.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from director.errors import Unavailable
from director.safety.authentication import Identity
from director.strict import Strict, printable

IN_MEMORY = 10_000  # records
MOST_READ = 20_000  # records looked at for one page

log = logging.getLogger(__name__)


class AuditUnavailable(Unavailable):
    """What cannot be recorded is not done."""


class Record(Strict):
    """One line. `plan_hash` is the plan that was agreed on, `report_hash` what came of it."""

    time: str
    phase: Literal["intent", "outcome", "refusal"]
    who: str
    way: str
    address: str
    action: str
    request_id: str
    dataflow: str | None = None
    service: str | None = None
    resource: str | None = None
    operation: str | None = None
    plan_hash: str | None = None
    report_hash: str | None = None
    result: str | None = None


class Records(Protocol):
    """Where lines are kept. `before` gives them from the newest, each with the mark that continues before it.

    `prune` forgets what is older than a moment, at most about so many lines, and says how many it were.
    """

    def append(self, line: bytes) -> None: ...
    def before(self, mark: int | None) -> Iterator[tuple[int, bytes]]: ...
    def prune(self, before: datetime, most: int) -> int: ...


class MemoryRecords:
    """The newest ones, as long as the process lives."""

    def __init__(self, most: int = IN_MEMORY) -> None:
        self._lines: deque[tuple[int, bytes]] = deque(maxlen=most)
        self._written = 0
        self._lock = threading.Lock()

    def append(self, line: bytes) -> None:
        with self._lock:
            self._lines.append((self._written, line))
            self._written += 1

    def before(self, mark: int | None) -> Iterator[tuple[int, bytes]]:
        with self._lock:
            lines = list(self._lines)
        return ((number, line) for number, line in reversed(lines) if mark is None or number < mark)

    def prune(self, before: datetime, most: int) -> int:
        forgotten = 0
        with self._lock:
            while self._lines and forgotten < most and is_older(self._lines[0][1], before):
                self._lines.popleft()
                forgotten += 1
        return forgotten


class Trail:
    """One changing call, from its intent to its outcome, which is written once."""

    def __init__(self, write: Callable[[Record], None], intent: Record) -> None:
        self._write = write
        self._intent = intent
        self._lock = threading.Lock()
        self.handed_over = False
        self._ended = False

    def end(self, result: str, **facts: str | None) -> None:
        """The effect is there already: that it cannot be recorded is an error of the log and no more."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        outcome = self._intent.model_copy(update={"time": _now(), "phase": "outcome", "result": result, **facts})
        try:
            self._write(outcome)
        except AuditUnavailable as error:
            log.error("an outcome is not in the audit: %s: %s", printable(str(error)), _line(outcome).decode())


class Audit:
    """Writes and reads the records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        log.setLevel(logging.INFO)  # these lines are wanted however quiet the rest is

    def intent(self, identity: Identity, address: str, action: str, request_id: str, **facts: str | None) -> Trail:
        """Raises AuditUnavailable; then the call must not be made."""
        record = _record("intent", identity.name, identity.way, address, action, request_id, facts)
        self._write(record)
        return Trail(self._write, record)

    def refusal(self, who: str, way: str, address: str, action: str, request_id: str, **facts: str | None) -> None:
        """Somebody was turned away."""
        try:
            self._write(_record("refusal", who, way, address, action, request_id, facts))
        except AuditUnavailable as error:
            log.error("a refusal is not in the audit: %s", printable(str(error)))

    def interrupted(self, who: str, action: str, request_id: str, **facts: str | None) -> None:
        """The outcome that a process no longer could write. Raises AuditUnavailable."""
        self._write(_record("outcome", who, "", "", action, request_id, {**facts, "result": "interrupted"}))

    def forget(self, before: datetime, most: int) -> int:
        """Records that are older, at most about so many; how many they were. Raises AuditUnavailable."""
        return self._records.prune(before, most)

    def page(self, mark: int | None, size: int, shown: Callable[[Record], bool]) -> tuple[list[Record], int | None]:
        """The newest first, and the mark with which to go on, which may lead to an empty page."""
        found: list[Record] = []
        at = None
        for read, (at, line) in enumerate(self._records.before(mark), 1):
            record = _read(line)
            if record is not None and shown(record):
                found.append(record)
            if len(found) == size or read == MOST_READ:
                return found, at or None
        return found, None

    def _write(self, record: Record) -> None:
        line = _line(record)
        self._records.append(line)
        log.info("%s", line.decode())


def _record(
    phase: Literal["intent", "outcome", "refusal"], who: str, way: str, address: str, action: str, request_id: str,
    facts: Mapping[str, Any],
) -> Record:  # fmt: skip
    return Record(
        time=_now(), phase=phase, who=who, way=way, address=address, action=action, request_id=request_id, **facts
    )


def _line(record: Record) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()


def _read(line: bytes) -> Record | None:
    try:
        return Record.model_validate(json.loads(line))
    except ValueError:
        return None


def is_older(line: bytes, moment: datetime) -> bool:
    """A line that nobody can read is as old as what is around it."""
    record = _read(line)
    return record is None or datetime.fromisoformat(record.time) < moment


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
