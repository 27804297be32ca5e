"""The enrichment graph: rollups are a branch of it where they are wanted, and leave the rest as it was."""

from pathlib import Path
from typing import Any

import apache_beam as beam
import orjson
import pytest
from apache_beam.portability.api import beam_runner_api_pb2, standard_window_fns_pb2

from beam_jobs.embedded import Graph
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.pipeline import build
from beam_jobs.messages import HandedInEdges
from bridge import envelope
from localcloud.cloud import LocalCloud
from tests.beam_jobs.test_graph import READ, WRITE, submitted

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

PLAIN = {
    "subscription": "projects/project-x/subscriptions/in",
    "dead_letter_topic": "projects/project-x/topics/dead",
    "topic": "projects/project-x/topics/out",
    "collection": "devices",
    "fields": {"location": "location"},
}
ROLLUPS = {"fields": {"t": "/t"}, "early_seconds": 20}
ROLLED = PLAIN | {"window_seconds": 300, "allowed_lateness_seconds": 900, "rollups": ROLLUPS}
ROLLED |= {"rollup_topic": "projects/project-x/topics/rollups"}


def top_names(components: Any) -> set[str]:
    names = (transform.unique_name for transform in components.transforms.values())
    return {name.split("/")[0] for name in names if not name.startswith("ref_")}  # the root has no name


def test_on_dataflow_rollups_are_one_more_native_sink_and_change_no_other_name(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "rolled").mkdir()
    plain = submitted(build, EnrichmentConfig(**PLAIN), tmp_path / "plain").components
    rolled = submitted(build, EnrichmentConfig(**ROLLED), tmp_path / "rolled").components
    assert top_names(rolled) - top_names(plain) == {"Roll up", "Write rollups"}
    assert top_names(plain) <= top_names(rolled)
    urns = [transform.spec.urn for transform in rolled.transforms.values()]
    assert (urns.count(READ), urns.count(WRITE)) == (1, 3)
    assert "beam:transform:external:v1" not in urns
    sinks = [transform.spec.payload for transform in rolled.transforms.values() if transform.spec.urn == WRITE]
    assert sum(b"projects/project-x/topics/rollups" in payload for payload in sinks) == 1


def test_on_dataflow_rollups_are_combined_in_windows_whose_panes_add_up(tmp_path: Path) -> None:
    components = submitted(build, EnrichmentConfig(**ROLLED), tmp_path).components
    (combine,) = (one for one in components.transforms.values() if one.spec.urn == "beam:transform:combine_per_key:v1")
    assert combine.unique_name == "Roll up/Add up"
    (pcollection,) = combine.inputs.values()
    strategy = components.windowing_strategies[components.pcollections[pcollection].windowing_strategy_id]
    assert strategy.window_fn.urn == "beam:window_fn:fixed_windows:v1"
    size = standard_window_fns_pb2.FixedWindowsPayload.FromString(strategy.window_fn.payload).size
    assert size.ToSeconds() == 300
    assert strategy.allowed_lateness == 900_000
    assert strategy.accumulation_mode == beam_runner_api_pb2.AccumulationMode.DISCARDING
    ended = strategy.trigger.after_end_of_window
    (delay,) = ended.early_firings.after_processing_time.timestamp_transforms
    assert delay.delay.delay_millis == 20_000
    assert ended.late_firings.element_count.element_count == 1
    key_coder = components.coders[
        components.coders[components.pcollections[pcollection].coder_id].component_coder_ids[0]
    ]
    assert [components.coders[part].spec.urn for part in key_coder.component_coder_ids] == [
        "beam:coder:string_utf8:v1"
    ] * 2


def test_where_windows_end_with_a_run_nothing_is_shuffled_for_rollups() -> None:
    pipeline = beam.Pipeline()
    build(pipeline, EnrichmentConfig(**ROLLED), HandedInEdges("never-run"))
    urns = {one.spec.urn for one in pipeline.to_runner_api().components.transforms.values()}
    assert not urns & {"beam:transform:group_by_key:v1", "beam:transform:combine_per_key:v1"}


def test_on_the_embedded_engine_messages_go_on_and_rollups_beside_them(
    cloud: LocalCloud, topics: Any, message: Any
) -> None:
    results, dead, rollups = topics(), topics(), topics()
    named = {"topic": results.name, "dead_letter_topic": dead.name, "rollup_topic": rollups.name}
    config = EnrichmentConfig(**ROLLED | named | {"project": "test-project"})
    graph = Graph("rollups", lambda pipeline, edges: build(pipeline, config, edges))
    moment = envelope.publish_time(envelope.moment("2026-01-02T03:04:06Z"))
    batch = [message(str(number), orjson.dumps({"t": number})) + moment for number in range(10)]
    graph.run([*batch, message("11", b"{}", ce_time="yesterday")])
    assert len(results.take()) == 10
    assert len(dead.take()) == 1
    (rollup,) = rollups.take()
    facts = orjson.loads(rollup.data)
    assert (facts["device"], facts["count"], facts["sum"], facts["late"]) == ("device-1", 10, 45.0, 0)
    graph.run(batch)
    (again,) = rollups.take()
    assert again.attributes["ce-id"] == rollup.attributes["ce-id"]
