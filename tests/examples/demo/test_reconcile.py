"""The comparison that the demo's word rests on: it finds a planted loss and planted duplicates, and nothing else."""

from examples.demo.ledger import Delivered
from examples.demo.reconcile import DeadLetter, Latency, reconcile

SENT = {f"run-{serial}": Delivered(serial, f"run-{serial}", "good", 100.0, 100.1) for serial in range(1, 101)}
ALL = {key: [101.0] for key in SENT}


def without(*ids: str) -> dict[str, list[float]]:
    return {key: times for key, times in ALL.items() if key not in ids}


def test_all_arrived_is_nothing_lost() -> None:
    found = reconcile(SENT, ALL, ALL, [])
    assert found.lost == []
    assert found.duplicates == 0
    assert found.strangers == []
    assert (found.published, found.bigquery.copies, found.archive.copies) == (100, 100, 100)


def test_a_loss_in_one_sink_is_found() -> None:
    assert reconcile(SENT, without("run-7"), ALL, []).lost == ["run-7"]
    assert reconcile(SENT, ALL, without("run-8"), []).lost == ["run-8"]


def test_a_loss_in_both_sinks_is_one_message() -> None:
    assert reconcile(SENT, without("run-7"), without("run-7", "run-9"), []).lost == ["run-7", "run-9"]


def test_as_many_strangers_as_losses_do_not_hide_a_loss() -> None:
    replaced = {**without("run-7"), "other-1": [101.0]}
    found = reconcile(SENT, replaced, ALL, [])
    assert found.lost == ["run-7"]
    assert found.strangers == ["other-1"]


def test_a_duplicate_does_not_hide_a_loss() -> None:
    doubled = {**without("run-7"), "run-8": [101.0, 102.0]}
    found = reconcile(SENT, doubled, ALL, [])
    assert found.lost == ["run-7"]
    assert found.bigquery.copies == 100
    assert found.bigquery.duplicates == 1


def test_duplicates_are_counted_for_each_sink() -> None:
    found = reconcile(SENT, {**ALL, "run-1": [101.0] * 3}, {**ALL, "run-2": [101.0] * 2}, [])
    assert (found.bigquery.duplicates, found.archive.duplicates, found.duplicates) == (2, 1, 3)


def test_a_dead_letter_of_the_bridge_or_of_enrichment_explains_both_sinks() -> None:
    letters = [DeadLetter("run-1", "bridge", "not_json"), DeadLetter("run-2", "enrichment", "broken")]
    gone = without("run-1", "run-2")
    found = reconcile(SENT, gone, gone, letters)
    assert found.lost == []
    assert found.dead_lettered == 2


def test_a_dead_letter_of_one_sink_does_not_explain_the_other() -> None:
    letters = [DeadLetter("run-1", "warehouse", "row_refused")]
    assert reconcile(SENT, without("run-1"), ALL, letters).lost == []
    assert reconcile(SENT, without("run-1"), without("run-1"), letters).lost == ["run-1"]


def test_one_message_dead_lettered_twice_counts_once() -> None:
    letters = [DeadLetter("run-1", "bridge", "not_json")] * 2
    assert reconcile(SENT, without("run-1"), without("run-1"), letters).dead_lettered == 1


def test_latency_counts_from_the_due_time_to_the_first_copy() -> None:
    times = {f"run-{serial}": [100 + serial / 1000, 500.0] for serial in range(1, 101)}
    found = reconcile(SENT, times, {}, [])
    assert found.bigquery.latency
    assert (round(found.bigquery.latency.p50), round(found.bigquery.latency.p99)) == (51, 100)
    assert found.archive.latency is None


def test_latency_of_a_single_message() -> None:
    found = reconcile(SENT, {"run-1": [100.5]}, ALL, [])
    assert found.bigquery.latency == Latency(500.0, 500.0)
