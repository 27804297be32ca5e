"""A replay as a batch pipeline of Beam publishes what the one in a process does."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from beam_jobs.archive import manifest
from beam_jobs.archive.reading.catalogue import catalogue
from beam_jobs.archive.reading.choice import Choice, choice
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import open_shelf
from beam_jobs.archive.replay.pipeline import ReplayFn, build, counted
from beam_jobs.archive.replay.spec import Spec, Target
from bridge import envelope
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.envelopes import archived, envelopes, identity
from tests.beam_jobs.archive.parts import Archived

RAW = list(envelopes(200, large=1))


@pytest.fixture
def place(bucket: Any) -> Place:
    archived(bucket.name, RAW)
    return Place(bucket.name, "archive")


def test_the_direct_engine_publishes_every_message_as_it_was(place: Place, topics: Any, capsys: Any) -> None:
    topic = topics()
    words = ("--topic", topic.name, "--engine", "direct", "--replay-id", "mine", "--json")
    assert conduct("replay", place, *words) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["read"], report["published"], report["failed"], report["damaged"]) == (200, 200, 0, 0)
    found = []
    while len(found) < 200:
        found += topic.take()
    assert Counter(map(identity, found)) == Counter(identity(envelope.parse(raw)) for raw in RAW)
    assert {one.attributes["replay.id"] for one in found} == {"mine"}


def test_it_runs_on_a_runner_of_bundles_with_a_filter_and_names_damage(
    place: Place, bucket: Any, topics: Any, caplog: Any
) -> None:
    broken = min(Archived(bucket).blobs)
    entries = catalogue(open_shelf(bucket.name), place, Span()).entries
    lost = {json.loads(line)["id"] for line in Archived(bucket).lines[broken]}
    bucket.blob(broken).upload_from_string(b"x")
    topic = topics()
    wanted = [f"id-{number}" for number in range(20)]
    spec = Spec("mine", place, choice(Span(), wanted, [], []), Target("topic", topic.name))
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner())
    build(pipeline, spec, list(entries), "2026-01-02T00:00:00.000000Z")
    result = pipeline.run()
    result.wait_until_finish()
    assert {one.attributes["ce-id"] for one in topic.take()} == set(wanted) - lost
    counts = counted(result)
    assert (counts["damaged"], counts["failed"], counts["published"]) == (1, 0, len(set(wanted) - lost))
    assert f"{broken}: its CRC32C" in caplog.text


def test_the_graph_for_dataflow_has_stable_names_and_no_external_transforms(place: Place, bucket: Any) -> None:
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner())
    entries = catalogue(open_shelf(bucket.name), place, Span()).entries
    build(pipeline, Spec("mine", place, Choice(), Target("topic", "projects/p/topics/t")), list(entries), "t")
    transforms = pipeline.to_runner_api().components.transforms.values()
    assert {"Objects", "Spread", "Replay"} <= {one.unique_name for one in transforms}
    assert not any("external" in one.spec.urn for one in transforms)


def test_a_file_is_no_target_of_workers(place: Place, capsys: Any, tmp_path: Path) -> None:
    assert conduct("replay", place, "--file", tmp_path / "x", "--engine", "direct") == 2
    assert "workers share no file" in capsys.readouterr().err


def test_a_worker_that_ends_closes_its_channel(place: Place, bucket: Any, topics: Any) -> None:
    fn = ReplayFn(Spec("mine", place, Choice(), Target("topic", topics().name)).as_json(), "t")
    listed = manifest.encode(catalogue(open_shelf(bucket.name), place, Span()).entries[:1])
    fn.setup()
    assert list(fn.process(listed)) == []
    fn.teardown()
    with pytest.raises(ValueError, match="Channel closed"):
        list(fn.process(listed))


def test_a_worker_that_could_not_be_set_up_can_be_torn_down(place: Place) -> None:
    ReplayFn(Spec("mine", place, Choice(), Target("topic", "projects/p/topics/some")).as_json(), "t").teardown()
