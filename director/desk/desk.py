"""The desk where dead letters are looked at and decided about.

Letters lie in BigQuery for good: a decision is a row of its own in a second table, written after the effect. So a
letter is sent at least once where the process dies between the two; its `ce-id` is kept, and sinks know it by that.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from director.desk import queries
from director.desk.google_errors import asking
from director.desk.letters import BRIDGE, MAX_ATTEMPTS, Decided, Decision, Letter
from director.desk.queries import Query
from director.desk.selection import Selection
from director.desk.tables import Tables
from director.desk.ways import Addressed, Refused, Way
from director.errors import Misconfigured, Unavailable

BATCH_LETTERS, BATCH_BYTES = 500, 8_000_000  # sent and recorded together: what a crash may send twice
PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class Count:
    """How many letters there are of a stage and a reason, and when the first and the last were written."""

    stage: str
    reason: str
    letters: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done about a letter; `why` says why nothing was."""

    letter: Letter
    done: Literal["retried", "discarded", "refused"]
    target: str = ""
    why: str = ""


class Desk:
    """`jobs` and `bridge` are the ways back to the stages; decisions are recorded as those of `who`."""

    def __init__(
        self,
        bigquery: Any,
        tables: Tables,
        *,
        jobs: Way,
        bridge: Way,
        who: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bigquery = bigquery
        self._tables = tables
        self._jobs, self._bridge = jobs, bridge
        self._who = who
        self._now = now

    def list(self, wanted: Selection, with_data: bool = False) -> Iterator[Letter]:
        """Oldest first. Raises Unavailable, Rejected, Misconfigured."""
        yield from map(_letter, self._rows(queries.letters(self._tables, wanted, with_data)))

    def summary(self, wanted: Selection) -> Sequence[Count]:
        """By stage and reason, the most first; the limit does not apply. Raises as `list` does."""
        return [Count(**dict(row.items())) for row in self._rows(queries.summary(self._tables, wanted))]

    def retry(
        self,
        wanted: Selection,
        *,
        max_attempts: int = MAX_ATTEMPTS,
        force: bool = False,
        dry_run: bool = False,
        note: str = "",
    ) -> Iterator[Outcome]:
        """Sends each letter back to the stage that failed; goes on as the outcomes are taken.

        `force` goes beyond `max_attempts`, and sends what reaches others than that stage or lacks a property.
        """
        for batch in _batches(self.list(wanted, with_data=True)):
            addressed: list[Addressed] = []
            for letter in batch:
                try:
                    addressed.append(self._addressed(letter, max_attempts, force))
                except Refused as error:
                    yield Outcome(letter, "refused", why=str(error))
            outcomes = [Outcome(one.letter, "retried", one.target) for one in addressed]
            yield from outcomes if dry_run else self._send(addressed, note)

    def discard(self, wanted: Selection, *, dry_run: bool = False, note: str = "") -> Iterator[Outcome]:
        """Marks letters as not worth a retry; they stay where they are."""
        for batch in _batches(self.list(wanted)):
            outcomes = [Outcome(letter, "discarded") for letter in batch]
            if not dry_run:
                self._record("discarded", outcomes, note)
            yield from outcomes

    def _addressed(self, letter: Letter, max_attempts: int, force: bool) -> Addressed:
        """Raises Refused."""
        if not letter.stage:
            raise Refused("it has no dead_letter.stage: no stage of ours wrote it, so there is no way back")
        if letter.attempt >= max_attempts and not force:
            raise Refused(f"it failed {letter.attempt} times, and {max_attempts} are allowed; --force tries once more")
        return self._way(letter).addressed(letter, force)

    def _way(self, letter: Letter) -> Way:
        return self._bridge if letter.stage == BRIDGE else self._jobs

    def _send(self, addressed: Sequence[Addressed], note: str) -> Iterator[Outcome]:
        for way in (self._jobs, self._bridge):
            mine = [one for one in addressed if self._way(one.letter) is way]
            if not mine:
                continue
            problems = list(zip(mine, way.send(mine), strict=True))
            sent = [Outcome(one.letter, "retried", one.target) for one, problem in problems if not problem]
            self._record("retried", sent, note)
            yield from sent
            yield from (Outcome(one.letter, "refused", one.target, why) for one, why in problems if why)

    def _record(self, decision: Decided, outcomes: Sequence[Outcome], note: str) -> None:
        if not outcomes:
            return
        at = self._now().isoformat()
        rows = [
            {
                "message_id": outcome.letter.message_id,
                "decision": decision,
                "decided_at": at,
                "decided_by": self._who,
                "target": outcome.target or None,
                "note": note or None,
            }
            for outcome in outcomes
        ]
        try:
            with asking(f"writing to {self._tables.decisions}"):
                errors = self._bigquery.insert_rows_json(self._tables.decisions, rows)
        except Exception as error:
            raise _unrecorded(decision, len(rows), str(error)) from error
        if errors:
            raise _unrecorded(decision, len(rows), json.dumps(errors[0]))

    def _rows(self, query: Query) -> Iterable[Any]:
        with asking(f"reading {self._tables.letters} and {self._tables.decisions}"):
            yield from self._bigquery.query_and_wait(query.text, job_config=query.config, page_size=PAGE_ROWS)


def _unrecorded(decision: Decided, number: int, why: str) -> Exception:
    if decision == "discarded":
        return Unavailable(f"{number} letters could not be marked as discarded: {why}")
    again = "until that is mended, the next retry sends them once more under the same ce-id"
    return Unavailable(f"{number} letters were sent, but that could not be recorded; {again}: {why}")


def _batches(letters: Iterable[Letter]) -> Iterator[Sequence[Letter]]:
    batch: list[Letter] = []
    octets = 0
    for letter in letters:
        size = len(letter.data or b"")
        if batch and (len(batch) >= BATCH_LETTERS or octets + size > BATCH_BYTES):
            yield batch
            batch, octets = [], 0
        batch.append(letter)
        octets += size
    if batch:
        yield batch


def _letter(row: Any) -> Letter:
    """Raises Misconfigured."""
    data = row["data"] or b"" if "data" in row.keys() else None  # noqa: SIM118  # a Row is no mapping
    if not isinstance(data, bytes | None):
        raise Misconfigured("the column data of the dead letters' table has to be BYTES, so that no byte is lost")
    return Letter(row["message_id"], row["publish_time"], _attributes(row["attributes"]), data, _decision(row))


def _attributes(value: Mapping[str, str] | str | None) -> Mapping[str, str]:
    """Of a JSON column, or of JSON in a STRING column: Pub/Sub writes either."""
    parsed: Mapping[str, str] = json.loads(value) if isinstance(value, str) else value or {}
    return parsed


def _decision(row: Any) -> Decision | None:
    if row["decision"] is None:
        return None
    return Decision(row["decision"], row["decided_at"], row["decided_by"], row["target"], row["note"])
