"""What was sent against what arrived, message by message. Pure: it only compares what others have read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from examples.demo.ledger import Delivered

Sink = Literal["bigquery", "archive"]
Arrivals = Mapping[str, Sequence[float]]  # message id -> when each copy arrived, Unix seconds

# A dead letter of a stage explains why a sink behind that stage does not have the message, and no other sink.
EXCUSES: Mapping[str, frozenset[Sink]] = {
    "bridge": frozenset({"bigquery", "archive"}),
    "enrichment": frozenset({"bigquery", "archive"}),
    "warehouse": frozenset({"bigquery"}),
    "archive": frozenset({"archive"}),
}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was put aside, by which stage and why."""

    id: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Latency:
    """From the moment a device's message was due to its first copy in the sink, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class SinkResult:
    """One sink: copies in it, how many of them are copies of the same message, ids it should have and has not."""

    copies: int
    duplicates: int
    missing: Sequence[str] = field(repr=False)
    latency: Latency | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`strangers` are ids that arrived though nobody sent them."""

    published: int
    bigquery: SinkResult
    archive: SinkResult
    dead_lettered: int
    strangers: Sequence[str]

    @property
    def lost(self) -> Sequence[str]:
        """Ids that at least one sink lacks without a dead letter to explain it."""
        return sorted({*self.bigquery.missing, *self.archive.missing})

    @property
    def duplicates(self) -> int:
        return self.bigquery.duplicates + self.archive.duplicates


def reconcile(
    sent: Mapping[str, Delivered], bigquery: Arrivals, archive: Arrivals, dead_letters: Iterable[DeadLetter]
) -> Reconciliation:
    """Compares by id."""
    letters = list(dead_letters)

    def result(sink: Sink, arrivals: Arrivals) -> SinkResult:
        excused = {letter.id for letter in letters if sink in EXCUSES.get(letter.stage, ())}
        copies = sum(map(len, arrivals.values()))
        missing = sorted(sent.keys() - arrivals.keys() - excused)
        return SinkResult(copies, copies - len(arrivals), missing, latency(sent, arrivals))

    dead = {letter.id for letter in letters}
    strangers = sorted({*bigquery, *archive, *dead} - sent.keys())
    return Reconciliation(len(sent), result("bigquery", bigquery), result("archive", archive), len(dead), strangers)


def latency(sent: Mapping[str, Delivered], arrivals: Arrivals) -> Latency | None:
    """None where nothing arrived."""
    delays = sorted((min(times) - sent[key].due) * 1000 for key, times in arrivals.items() if key in sent)
    return Latency(_percentile(delays, 0.50), _percentile(delays, 0.99)) if delays else None


def _percentile(ordered: Sequence[float], share: float) -> float:
    """By nearest rank."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
