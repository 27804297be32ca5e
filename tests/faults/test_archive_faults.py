"""What becomes of the archive when Cloud Storage fails at any call, and when a bundle comes again.

Each test is named after its row of the fault table. Batches meet Google's own client and a service that refuses what
the cloud refuses.
"""

import itertools
from collections import Counter
from typing import Any

import pytest

from beam_jobs.archive.durable import WriteFn, packed
from beam_jobs.archive.formats import text_of
from beam_jobs.archive.lines import line
from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.archive.pipeline import build
from beam_jobs.archive.storage import Bucket
from beam_jobs.embedded import Graph
from beam_jobs.errors import RetryLater
from bridge import envelope
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.archive.conftest import bucket, client  # noqa: F401 - fixtures
from tests.beam_jobs.archive.parts import Archived, config, message
from tests.beam_jobs.conftest import topics  # noqa: F401 - fixture

INSERT, GET = "storage.objects.insert", "storage.objects.get"
_graphs = itertools.count()
BATCH = [
    message(str(number), b"\xff\x00" * number, device__location=f"hall-{number % 3}", ce_time=time)
    for number, time in enumerate(["2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z", "2026-01-03T03:00:00Z"] * 4)
]
OBJECTS, PARTS = 3, 3  # a folder for each hall and date, and its hour
IDS = Counter(str(number) for number in range(len(BATCH)))


@pytest.fixture
def dead(topics: Any) -> Any:  # noqa: F811
    return topics()


def job(bucket: Any, dead: Any, **given: Any) -> Graph:  # noqa: F811
    """The job's graph as the embedded engine runs it."""
    settings = config(bucket.name, dead_letter_topic=dead.name, **given)
    return Graph(f"archive-faults-{next(_graphs)}", lambda pipeline, edges: build(pipeline, settings, edges))


def state(bucket: Any) -> dict[str, tuple[int, int, str]]:  # noqa: F811
    """What of each object shows whether it was written again."""
    return {blob.name: (blob.generation, blob.metageneration, blob.crc32c) for blob in bucket.list_blobs()}


def whole(bucket: Any) -> Archived:  # noqa: F811
    """The archive of one batch, each id once, one object for each name, all of them listed."""
    archived = Archived(bucket)
    assert archived.ids == IDS
    assert len(archived.blobs) == OBJECTS
    archived.proved()
    return archived


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_b5_a_batch_that_runs_again_changes_nothing(bucket: Any, dead: Any, form: str) -> None:  # noqa: F811
    graph = job(bucket, dead, format=form)
    graph.run(BATCH)
    before = state(bucket)
    again = graph.run(list(reversed(BATCH)))
    assert state(bucket) == before
    assert again.details["archive_already_there"] == OBJECTS + PARTS
    assert (again.outcomes["in"], again.outcomes["out"]) == (len(BATCH), len(BATCH))
    whole(bucket)


def test_b5_a_batch_whose_dead_letter_could_not_be_written_is_archived_once(
    bucket: Any,  # noqa: F811
    dead: Any,
    cloud: LocalCloud,
) -> None:
    graph, batch = job(bucket, dead), [*BATCH, message("none", ce_time="soon")]
    cloud.faults.add(Fault(method="pubsub.Publish", resource=dead.name, calls=1))
    with pytest.raises(RetryLater):
        graph.run(batch)
    before = state(bucket)
    graph.run(batch)
    assert state(bucket) == before
    assert [one.attributes["ce-id"] for one in dead.take()] == ["none"]
    whole(bucket)


def test_b5_a_batch_of_the_stateful_job_that_is_written_again_changes_nothing(bucket: Any, cloud: LocalCloud) -> None:  # noqa: F811
    write = WriteFn(config(bucket.name))
    write.setup()
    states = []
    for _ in range(2):
        write.start_bundle()
        for hall in range(3):
            lines = [line(envelope.parse(raw)).json for raw in BATCH[hall::3]]
            folder = f"archive/date=2026-01-0{2 + hall // 2}/location=hall-{hall}"
            assert write.process((folder, packed(text_of(lines)))) == []
        assert list(write.finish_bundle()) == []
        states.append(state(bucket))
    assert states[0] == states[1]
    whole(bucket)


@pytest.mark.parametrize(
    "fault", [Fault(method=INSERT, when="after", calls=1), Fault(method=INSERT, calls=3)], ids=["lost", "503-thrice"]
)
def test_b6_an_answer_that_is_lost_or_late_leaves_one_object(
    bucket: Any,  # noqa: F811
    dead: Any,
    cloud: LocalCloud,
    fault: Fault,
) -> None:
    cloud.faults.add(fault)
    job(bucket, dead).run(BATCH)
    assert {blob.metageneration for blob in whole(bucket).blobs.values()} == {1}


def test_b6_messages_whose_object_holds_other_content_are_dead_letters_as_they_came(
    bucket: Any,  # noqa: F811
    dead: Any,
    caplog: Any,
) -> None:
    graph = job(bucket, dead)
    graph.run(BATCH)
    name = min(whole(bucket).blobs)
    bucket.blob(name).upload_from_string(b"other")
    counted = graph.run(BATCH)
    assert bucket.blob(name).download_as_bytes() == b"other"
    letters = {one.attributes["ce-id"]: one for one in dead.take()}
    assert letters.keys() == {"0", "3", "6", "9"}
    for identity, letter in letters.items():
        original = envelope.parse(BATCH[int(identity)])
        assert letter.data == original.data
        assert dict(original.attributes).items() <= dict(letter.attributes).items()
        assert letter.attributes["dead_letter.reason"] == "archive_conflict"
    assert f"4 messages are now dead letters: gs://{bucket.name}/{name} exists with other content" in caplog.text
    assert (counted.outcomes["out"], counted.outcomes["dead_lettered"]) == (8, 4)
    assert counted.details["archive_conflicts"] == 1


def test_b6_a_part_of_the_manifest_that_is_not_ours_is_told_and_nothing_is_acknowledged(bucket: Any, dead: Any) -> None:  # noqa: F811
    graph = job(bucket, dead)
    graph.run(BATCH)
    part = next(name for name in Archived(bucket).all if "/_manifest/" in name)
    bucket.blob(part).upload_from_string(b"other")
    with pytest.raises(RetryLater, match=f"the manifest cannot list what is written: .*{part}.*; remove it"):
        graph.run(BATCH)
    bucket.blob(part).delete()
    graph.run(BATCH)
    whole(bucket)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(OBJECTS + PARTS))
def test_b7_a_crash_at_any_call_of_a_batch_is_mended_by_its_next_run(
    bucket: Any,  # noqa: F811
    client: Any,  # noqa: F811
    dead: Any,
    cloud: LocalCloud,
    k: int,
    when: Any,
) -> None:
    """ABORTED is what Google's client does not try again, so the run ends there, with or without its effect."""
    reference = client.create_bucket(f"{bucket.name}-reference")
    job(reference, dead).run(BATCH)
    names = sorted(Archived(reference).all)
    cloud.faults.add(Fault(method=INSERT, marker=f'"{names[k]}"', when=when, code="ABORTED", calls=1))
    graph = job(bucket, dead)
    with pytest.raises(RetryLater):
        graph.run(BATCH)
    assert (names[k] in state(bucket)) == (when == "after")
    graph.run(BATCH)
    assert whole(bucket).all == Archived(reference).all
    assert {one[1] for one in state(bucket).values()} == {1}
    assert dead.take() == []


def test_b7_whatever_a_crash_left_behind_the_next_run_ends_in_the_same_archive(
    bucket: Any,  # noqa: F811
    client: Any,  # noqa: F811
    dead: Any,
) -> None:
    """Uploads go side by side: a crash may leave any of them done."""
    job(bucket, dead).run(BATCH)
    reference = whole(bucket).all
    for number in range(2 ** len(reference)):
        left = [name for place, name in enumerate(sorted(reference)) if number >> place & 1]
        crashed = client.create_bucket(f"{bucket.name}-{number}")
        Bucket(client, crashed.name).write([ArchiveObject(name, reference[name], {}) for name in left])
        job(crashed, dead).run(BATCH)
        assert whole(crashed).all == reference


def test_b7_a_crash_while_asking_what_is_there_is_mended_by_the_next_run(
    bucket: Any,  # noqa: F811
    dead: Any,
    cloud: LocalCloud,
) -> None:
    graph = job(bucket, dead)
    graph.run(BATCH)
    before = state(bucket)
    for name in before:
        cloud.faults.add(Fault(method=GET, resource=f"*{name}", code="ABORTED", calls=1))
        with pytest.raises(RetryLater):
            graph.run(BATCH)
        graph.run(BATCH)
    assert state(bucket) == before
    whole(bucket)
