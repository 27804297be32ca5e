"""What a bridge counts, and that its documentation tells all of it."""

from pathlib import Path

from bridge.metrics import Metrics

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "bridge.md").read_text()


def test_two_bridges_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.received.inc(3)
    assert one.registry.get_sample_value("bridge_received_total") == 3
    assert other.registry.get_sample_value("bridge_received_total") == 0


def test_a_gauge_is_read_when_someone_asks() -> None:
    metrics, values = Metrics(), [1.0]
    metrics.gauge("in_flight", "Messages taken and not ended.", lambda: values[-1])
    assert metrics.registry.get_sample_value("bridge_in_flight") == 1
    values.append(7.0)
    assert metrics.registry.get_sample_value("bridge_in_flight") == 7


def test_durations_and_sizes_are_histograms() -> None:
    metrics = Metrics()
    for histogram in (metrics.publish_seconds, metrics.delivery_seconds, metrics.batch_messages):
        histogram.observe(3)
    for name in ("bridge_publish_seconds", "bridge_delivery_seconds", "bridge_batch_messages"):
        assert metrics.registry.get_sample_value(f"{name}_bucket", {"le": "5.0"}) == 1
        assert metrics.registry.get_sample_value(f"{name}_bucket", {"le": "1.0"}) == 0


def test_every_metric_is_documented() -> None:
    families = [family for family in Metrics().registry.collect() if family.name.startswith("bridge_")]
    assert len(families) > 10
    shown = [f"{family.name}_total" if family.type == "counter" else family.name for family in families]
    assert [name for name in shown if f"`{name}" not in DOCUMENTED] == []
