"""Event time on command: messages, watermark and clock told step by step, and what rollups they lead to."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

import apache_beam as beam
import orjson
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing import test_stream as beam_time
from apache_beam.transforms.window import TimestampedValue

from beam_jobs.enrichment.config import EnrichmentConfig, Rollups
from beam_jobs.enrichment.rollups import RollUp
from beam_jobs.enrichment.windows import Windows
from bridge import envelope

WINDOW, LATENESS, EARLY = 60, 120, 10
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
CONFIG = EnrichmentConfig(
    subscription="projects/p/subscriptions/s",
    dead_letter_topic="projects/p/topics/dead",
    topic="projects/p/topics/enriched",
    collection="devices",
    fields={},
    window_seconds=WINDOW,
    allowed_lateness_seconds=LATENESS,
    rollups=Rollups(fields={"t": "/t", "h": "/h"}, early_seconds=EARLY),
    rollup_topic="projects/p/topics/rollups",
)


class Event(NamedTuple):
    """Times in seconds after noon."""

    identity: str
    at: float
    published: float
    numbers: dict[str, float]
    device: str = "d"

    @property
    def late(self) -> bool:
        return self.published >= (self.at // WINDOW + 1) * WINDOW + LATENESS


def after_noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def enriched(event: Event) -> bytes:
    facts = {"ce-id": event.identity, "ce-subject": event.device, "ce-time": envelope.timestamp(after_noon(event.at))}
    raw = envelope.data(orjson.dumps(event.numbers)) + envelope.attributes(facts)
    raw += envelope.publish_time(after_noon(event.published))
    windows = Windows(WINDOW, LATENESS, "forward")
    return raw + windows.block(windows.of(facts["ce-time"]), int(after_noon(event.published).timestamp()))


class Collected(beam.DoFn):
    """What came out, by test run."""

    runs: ClassVar[dict[int, list[bytes]]] = {}

    def __init__(self, run: int) -> None:
        self._run = run

    def process(self, message: bytes) -> None:
        self.runs[self._run].append(message)


class Stream:
    """Messages and times, told step by step."""

    def __init__(self) -> None:
        self.steps = beam_time.TestStream()

    def send(self, *events: Event) -> "Stream":
        self.steps.add_elements(
            [TimestampedValue(enriched(one), after_noon(one.published).timestamp()) for one in events]
        )
        return self

    def watermark(self, seconds: float) -> "Stream":
        self.steps.advance_watermark_to(after_noon(seconds).timestamp())
        return self

    def clock(self, seconds: float) -> "Stream":
        self.steps.advance_processing_time(seconds)
        return self

    def drain(self) -> "Ended":
        """The panes, and the state that is left once no more messages can come."""
        run = len(Collected.runs)
        Collected.runs[run] = []
        options = PipelineOptions([])
        options.view_as(StandardOptions).streaming = True
        pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
        rollups = CONFIG.rollups
        assert rollups is not None
        _ = (
            pipeline
            | self.steps.advance_watermark_to_infinity()
            | "In batches" >> beam.Map(lambda message: [message])
            | RollUp(CONFIG, rollups, unending=True)
            | beam.ParDo(Collected(run))
        )
        result = pipeline.run()
        result.wait_until_finish()
        context = result._evaluation_context  # Beam shows its state in no other way
        states = [kept for states in context._transform_keyed_states.values() for kept in states.values()]
        return Ended([Pane.of(raw) for raw in Collected.runs[run]], states)


@dataclass(frozen=True, slots=True)
class Pane:
    """A rollup as a consumer sees it."""

    message: Any
    facts: dict[str, Any]

    @classmethod
    def of(cls, raw: bytes) -> "Pane":
        message = envelope.parse(raw)
        return cls(message, orjson.loads(message.data))

    @property
    def count(self) -> int:
        return int(self.facts["count"])


@dataclass(frozen=True, slots=True)
class Ended:
    panes: list[Pane]
    states: list[Any]

    def counts(self, field: str = "t") -> list[int]:
        return [pane.count for pane in self.panes if pane.facts["field"] == field]

    @property
    def left(self) -> set[str]:
        """Tallies, and holds on the watermark, that are still kept.

        The engine of these tests never forgets its own notes on a window: pane numbers, flags of triggers.
        """
        kept = {tag for state in self.states for window in state.state.values() for tag, some in window.items() if some}
        return kept & {"elements", "watermark"}


Summary = dict[tuple[str, str, str], tuple[int, float, float, float, tuple[str, float], int]]


def added_up(panes: Iterable[Pane]) -> Summary:
    """What a consumer makes of panes: one row for each device, field and window; each id counts once."""
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for facts in {pane.message.attributes["ce-id"]: pane.facts for pane in panes}.values():
        rows[facts["device"], facts["field"], facts["window_start"]].append(facts)
    return {
        key: (
            sum(one["count"] for one in some),
            sum(one["sum"] for one in some),
            min(one["min"] for one in some),
            max(one["max"] for one in some),
            max((one["last_time"], one["last"]) for one in some),
            sum(one["late"] for one in some),
        )
        for key, some in rows.items()
    }


def truth(events: Iterable[Event]) -> Summary:
    """A plain group-by."""
    rows: dict[tuple[str, str, str], list[tuple[str, float, bool]]] = defaultdict(list)
    for event in events:
        start = after_noon(event.at // WINDOW * WINDOW).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, value in event.numbers.items():
            rows[event.device, name, start].append((envelope.timestamp(after_noon(event.at)), value, event.late))
    return {
        key: (
            len(some),
            sum(value for _, value, _ in some),
            min(value for _, value, _ in some),
            max(value for _, value, _ in some),
            max((at, value) for at, value, _ in some),
            sum(late for _, _, late in some),
        )
        for key, some in rows.items()
    }


def readings(count: int, start: float = 0, published: float | None = None) -> list[Event]:
    """One a second from `start` on, published a second later or all at `published`."""
    return [
        Event(f"{start}-{number}", start + number, published or start + number + 1, {"t": number * 0.25})
        for number in range(count)
    ]
