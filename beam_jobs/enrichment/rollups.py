"""Rollups: what a device's numbers amounted to in a window, as messages that consumers add up.

    enriched messages -> tallies of a bundle -> windows -> one message for each pane

Panes discard what they have given, so those of a window add up to the whole of it, however many there are: early
ones, the one at its end, one for each bundle of stragglers within the allowed lateness. What came too late for that,
Beam would drop; here it never enters a window and goes out at once, as a pane of its own.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.metrics import Metrics
from apache_beam.transforms.trigger import AccumulationMode, AfterCount, AfterProcessingTime, AfterWatermark
from apache_beam.transforms.window import FixedWindows, GlobalWindow, GlobalWindows
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from beam_jobs.enrichment.config import EnrichmentConfig, Rollups
from beam_jobs.enrichment.tallies import EPOCH, MICROSECOND, Group, Tallies, Tally, pane_id
from beam_jobs.enrichment.windows import END, START, rfc3339
from beam_jobs.stages import DETAILS
from bridge import envelope

TYPE = "iot.rollup"
KEPT = "kept"


class RollUp(beam.PTransform):
    """Enriched messages in, rollups out, both serialised.

    Where the engine ends its windows with each run, `unending` is false: a bundle's tallies are panes then.
    """

    def __init__(self, config: EnrichmentConfig, rollups: Rollups, unending: bool) -> None:
        super().__init__()
        self._config = config
        self._rollups = rollups
        self._unending = unending
        self._source = f"//pubsub.googleapis.com/{config.subscription}"

    def expand(self, messages: Any) -> Any:
        tallied = messages | "Tally" >> beam.ParDo(
            TallyFn(dict(self._rollups.fields), self._source, self._unending)
        ).with_outputs(KEPT, main="at_once").with_output_types(bytes)
        if not self._unending:
            return tallied.at_once
        tallied[KEPT].element_type = tuple[tuple[str, str], Tally]
        panes = (
            tallied[KEPT]
            | "Windows" >> self._windows()
            | "Add up" >> beam.CombinePerKey(AddUp())
            | "Panes" >> beam.ParDo(PaneFn(self._source)).with_output_types(bytes)
            | "Out of windows" >> beam.WindowInto(GlobalWindows())
        )
        return (panes, tallied.at_once) | "All panes" >> beam.Flatten()

    def _windows(self) -> beam.WindowInto:
        early = self._rollups.early_seconds
        return beam.WindowInto(
            FixedWindows(self._config.window_seconds),
            trigger=AfterWatermark(early=AfterProcessingTime(early) if early else None, late=AfterCount(1)),
            allowed_lateness=self._config.allowed_lateness_seconds,
            accumulation_mode=AccumulationMode.DISCARDING,
        )


class TallyFn(beam.DoFn):
    """Adds up a bundle, so that few elements are shuffled. What is not to wait in a window is a rollup at once."""

    skipped = Metrics.counter(DETAILS, "rollup_skipped")
    no_numbers = Metrics.counter(DETAILS, "rollup_no_numbers")
    at_once = Metrics.counter(DETAILS, "rollup_at_once")

    def __init__(self, fields: dict[str, str], source: str, windows: bool) -> None:
        self._fields = fields
        self._source = source
        self._windows = windows

    def start_bundle(self) -> None:
        self._batch: list[bytes] = []

    def process(self, batch: list[bytes]) -> None:
        self._batch += batch

    def finish_bundle(self) -> Iterator[Any]:
        tallies = Tallies(self._fields)
        for group, tally in tallies.of(self._batch).items():
            if group.keeps and self._windows:
                yield beam.pvalue.TaggedOutput(KEPT, _at_event_time(group, tally))
            else:
                self.at_once.inc()
                yield GlobalWindows.windowed_value(rollup(group, tally, self._source))
        self.skipped.inc(tallies.skipped)
        self.no_numbers.inc(tallies.no_numbers)


class AddUp(beam.CombineFn):
    """The sum of tallies."""

    def create_accumulator(self) -> Tally:
        return Tally()

    def add_input(self, accumulator: Tally, tally: Tally) -> Tally:
        return accumulator + tally

    def merge_accumulators(self, accumulators: Iterable[Tally]) -> Tally:
        return reduce(add, accumulators, Tally())

    def extract_output(self, accumulator: Tally) -> Tally:
        return accumulator


class PaneFn(beam.DoFn):
    """Panes as rollups. A window's pane at its end may be empty, and is none then."""

    panes = Metrics.counter(DETAILS, "rollup_panes")

    def __init__(self, source: str) -> None:
        self._source = source

    def process(self, pane: tuple[tuple[str, str], Tally], window: Any = beam.DoFn.WindowParam) -> Iterator[bytes]:
        (device, field), tally = pane
        if tally.count:
            self.panes.inc()
            start, end = rfc3339(int(window.start)), rfc3339(int(window.end))
            yield rollup(Group(device, field, start, end, keeps=True), tally, self._source)


def rollup(group: Group, tally: Tally, source: str) -> bytes:
    """A serialised message. Its `ce-id` is the same for the same messages, so a repeated pane is a duplicate."""
    last_at, last = tally.last
    document = {
        "device": group.device,
        "field": group.field,
        "window_start": group.start,
        "window_end": group.end,
        "count": tally.count,
        "sum": tally.sum,
        "min": tally.least,
        "max": tally.greatest,
        "mean": tally.mean,
        "last": last,
        "last_time": envelope.timestamp(EPOCH + int(last_at) * MICROSECOND),
        "late": tally.late,
    }
    facts = {
        envelope.SPEC_VERSION: "1.0",
        envelope.TYPE: TYPE,
        envelope.ID: pane_id(group, tally),
        envelope.SOURCE: source,
        envelope.SUBJECT: group.device,
        envelope.TIME: group.end,
        envelope.CONTENT_TYPE: "application/json",
        START: group.start,
        END: group.end,
    }
    return envelope.data(orjson.dumps(document)) + envelope.attributes(facts)


def _at_event_time(group: Group, tally: Tally) -> WindowedValue:
    """The latest event's time is in the window of them all."""
    timestamp = Timestamp(micros=int(tally.last[0]))
    return WindowedValue(((group.device, group.field), tally), timestamp, (GlobalWindow(),))
