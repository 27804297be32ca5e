"""Panes of a window add up to what a plain group-by gives, whatever comes late, early or jumps; nothing stays behind.

Time is Beam's own test stream on its old local engine, which unlike the embedded one keeps windows open. The watermark
never passes the time of publishing of a message still to come: that is what a source's watermark promises.
"""

import math
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from beam_jobs.embedded import Graph
from beam_jobs.enrichment.rollups import AddUp, RollUp
from beam_jobs.enrichment.tallies import Reading, Tally
from tests.beam_jobs.enrichment.streams import (
    CONFIG,
    EARLY,
    LATENESS,
    WINDOW,
    Collected,
    Event,
    Pane,
    Stream,
    added_up,
    enriched,
    readings,
    truth,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_a_window_is_one_pane_when_the_watermark_passes_its_end() -> None:
    ended = Stream().send(*readings(30)).watermark(59).send(*readings(10, 60)).watermark(60).drain()
    assert ended.counts() == [30, 10]
    assert ended.left == set()


def test_a_rollup_is_an_envelope_that_names_device_and_window() -> None:
    (pane,) = Stream().send(Event("1", 30, 31, {"t": 1.5})).drain().panes
    facts = dict(pane.message.attributes)
    assert len(facts.pop("ce-id")) == 32
    assert facts == {
        "ce-specversion": "1.0",
        "ce-type": "iot.rollup",
        "ce-source": "//pubsub.googleapis.com/projects/p/subscriptions/s",
        "ce-subject": "d",
        "ce-time": "2026-01-02T12:01:00Z",
        "content-type": "application/json",
        "window.start": "2026-01-02T12:00:00Z",
        "window.end": "2026-01-02T12:01:00Z",
    }
    assert pane.facts == {
        "device": "d",
        "field": "t",
        "window_start": "2026-01-02T12:00:00Z",
        "window_end": "2026-01-02T12:01:00Z",
        "count": 1,
        "sum": 1.5,
        "min": 1.5,
        "max": 1.5,
        "mean": 1.5,
        "last": 1.5,
        "last_time": "2026-01-02T12:00:30.000000Z",
        "late": 0,
    }


def test_each_device_and_field_is_added_up_for_itself() -> None:
    events = [Event("1", 1, 2, {"t": 1, "h": 2}), Event("2", 1, 2, {"t": 3}, "e"), Event("3", 1, 2, {"h": 4})]
    ended = Stream().send(*events).drain()
    assert {(pane.facts["device"], pane.facts["field"], pane.count) for pane in ended.panes} == {
        ("d", "t", 1),
        ("d", "h", 2),
        ("e", "t", 1),
    }


def test_an_open_window_gives_what_it_has_and_gives_it_once() -> None:
    stream = Stream().send(*readings(5)).clock(EARLY + 1).send(*readings(7, 20)).clock(EARLY + 1)
    ended = stream.send(*readings(2, 40)).watermark(60).drain()
    assert sorted(ended.counts()) == [2, 5, 7]
    assert ended.left == set()


def test_a_window_with_nothing_new_at_its_end_gives_no_empty_pane() -> None:
    ended = Stream().send(*readings(5)).clock(EARLY + 1).watermark(61).drain()
    assert ended.counts() == [5]


def test_stragglers_within_the_allowed_lateness_are_a_pane_of_their_own_and_not_late() -> None:
    stragglers = readings(3, 50, published=100)
    ended = Stream().send(*readings(30)).watermark(90).send(*stragglers).watermark(200).drain()
    assert ended.counts() == [30, 3]
    assert [pane.facts["late"] for pane in ended.panes] == [0, 0]
    assert ended.left == set()


def test_what_beam_would_drop_as_too_late_is_a_pane_at_once_and_counted_late() -> None:
    too_late = readings(3, 50, published=WINDOW + LATENESS)
    ended = Stream().send(*readings(30)).watermark(WINDOW + LATENESS).send(*too_late).watermark(500).drain()
    assert ended.counts() == [30, 3]
    assert [pane.facts["late"] for pane in ended.panes] == [0, 3]
    assert ended.left == set()


def test_the_last_message_that_is_not_late_is_not_dropped_by_beam() -> None:
    edge = WINDOW + LATENESS - 1
    ended = Stream().watermark(edge).send(Event("1", 0, edge, {"t": 1})).watermark(1_000).drain()
    assert ended.counts() == [1]
    assert ended.panes[0].facts["late"] == 0


def test_a_watermark_that_jumps_over_windows_closes_each_with_what_it_has() -> None:
    ended = Stream().send(*readings(5), *readings(6, 60), *readings(7, 120)).watermark(10_000).drain()
    assert sorted(ended.counts()) == [5, 6, 7]
    assert ended.left == set()


def test_drained_while_windows_are_open_everything_comes_out() -> None:
    ended = Stream().send(*readings(30)).watermark(20).send(*readings(4, 25)).drain()
    assert sum(ended.counts()) == 34
    assert ended.left == set()


def test_a_device_whose_clock_is_years_ahead_leaves_no_window_open() -> None:
    ahead = Event("1", 40 * 365 * 86_400, 1, {"t": 1})
    ended = Stream().send(ahead).watermark(61).send(*readings(1, 61)).watermark(200).drain()
    assert ended.counts() == [1, 1]
    assert added_up(ended.panes) == truth([ahead, *readings(1, 61)])


@given(values=st.lists(st.floats(-1e9, 1e9), max_size=8), cut=st.integers(0, 8))
def test_accumulators_merge_to_what_one_would_have_held(values: list[float], cut: int) -> None:
    adding = AddUp()
    tallies = [Tally.of([Reading(value, at, False, at)]) for at, value in enumerate(values)]

    def held(some: list[Tally]) -> Tally:
        accumulator = adding.create_accumulator()
        for tally in some:
            accumulator = adding.add_input(accumulator, tally)
        return accumulator

    merged = adding.merge_accumulators([held(tallies[:cut]), adding.create_accumulator(), held(tallies[cut:])])
    assert adding.extract_output(merged) == adding.extract_output(held(tallies))


EVENTS = st.lists(
    st.builds(
        lambda at, delay, numbers, device: Event("", at, at + delay, numbers, device),
        st.integers(0, 400),
        st.one_of(st.integers(0, 20), st.integers(0, 600)),
        st.dictionaries(
            st.sampled_from(["t", "h"]), st.integers(-400, 400).map(lambda quarters: quarters / 4), min_size=1
        ),
        st.sampled_from(["d", "e"]),
    ),
    min_size=1,
    max_size=25,
).map(lambda events: [event._replace(identity=str(number)) for number, event in enumerate(events)])


@settings(max_examples=40, phases=(Phase.explicit, Phase.generate))  # a run is too slow to shrink with
@given(events=EVENTS, data=st.data())
def test_panes_add_up_to_the_truth_however_messages_times_and_firings_fall(
    events: list[Event], data: st.DataObject
) -> None:
    coming = sorted(events, key=lambda event: event.published)
    stream, reached = Stream(), -1.0
    while coming:
        size = data.draw(st.integers(1, len(coming)))
        bundle, coming = coming[:size], coming[size:]
        stream.send(*data.draw(st.permutations(bundle)))
        if data.draw(st.booleans()):
            stream.clock(data.draw(st.sampled_from([1, EARLY, EARLY + 1])))
        oldest = coming[0].published if coming else 10_000
        watermark = data.draw(st.integers(math.floor(reached), math.floor(oldest)))
        if watermark > reached:
            reached = watermark
            stream.watermark(watermark)
    ended = stream.drain()
    assert added_up(ended.panes) == truth(events)
    assert sum(pane.count for pane in ended.panes) == sum(len(event.numbers) for event in events)
    assert ended.left == set()


def collected_by(name: str) -> Graph:
    """The branch as the embedded engine runs it."""

    def build(pipeline: beam.Pipeline, edges: Any) -> None:
        rollups = CONFIG.rollups
        assert rollups is not None
        batches = pipeline | edges.read("") | "In batches" >> beam.Map(lambda message: [message])
        _ = batches | RollUp(CONFIG, rollups, edges.unending) | beam.ParDo(Collected(-1))

    return Graph(name, build)


def panes_of(graph: Graph, batch: Sequence[Event]) -> list[Pane]:
    Collected.runs[-1] = []
    graph.run([enriched(event) for event in batch])
    return [Pane.of(raw) for raw in Collected.runs[-1]]


def test_on_the_embedded_engine_the_panes_of_all_batches_add_up() -> None:
    graph = collected_by("adding-up")
    events = [*readings(50), *readings(30, 50), *readings(4, 10, published=900)]
    batches = [events[start : start + 20] for start in range(0, len(events), 20)]
    panes = [pane for batch in batches for pane in panes_of(graph, batch)]
    assert added_up(panes) == truth(events)
    assert sum(pane.count for pane in panes) == len(events)


def test_a_batch_run_again_gives_panes_of_the_same_ids_in_whatever_order_it_comes() -> None:
    graph = collected_by("again")
    events = [*readings(50), *readings(4, 10, published=900)]
    first, again = panes_of(graph, events), panes_of(graph, events[::-1])
    assert len(first) == 2
    assert {pane.message.data for pane in first} == {pane.message.data for pane in again}
    assert {pane.message.attributes["ce-id"] for pane in first} == {pane.message.attributes["ce-id"] for pane in again}
    other = panes_of(graph, events[1:])
    assert not {pane.message.attributes["ce-id"] for pane in first[:1]} & {
        pane.message.attributes["ce-id"] for pane in other if pane.count == 49
    }


def test_what_gives_no_number_is_counted() -> None:
    graph = collected_by("counters")
    Collected.runs[-1] = []
    texts: Any = [Event("1", 1, 2, {"t": 1.0, "h": "x"}), Event("2", 1, 2, {}), Event("3", 1, 900, {"t": 1.0})]  # type: ignore[dict-item]
    counted = graph.run([enriched(event) for event in texts]).details
    assert counted == {"rollup_at_once": 2, "rollup_skipped": 1, "rollup_no_numbers": 1}
