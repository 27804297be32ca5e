"""However an upload fails, there is one object in the end, or a conflict someone hears of."""

import gzip
import random
from dataclasses import replace

import pyarrow as pa
import pytest
from google.cloud import storage

from beam_jobs.archive.formats import FORMATS, FormatName, text_of
from beam_jobs.archive.lines import line
from beam_jobs.archive.objects import ArchiveObject, archive_object
from beam_jobs.archive.storage import Bucket
from beam_jobs.errors import CannotSucceed, Misconfigured
from bridge import envelope
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.archive.parts import message

ONE = ArchiveObject("a/b.jsonl.gz", b"content", {"count": "1"})


def stored(bucket: storage.Bucket) -> list[bytes]:
    return [blob.download_as_bytes() for blob in bucket.list_blobs()]


def test_an_object_is_written_with_its_metadata(client: storage.Client, bucket: storage.Bucket) -> None:
    assert Bucket(client, bucket.name).write([ONE]) == {}
    assert stored(bucket) == [b"content"]
    found = bucket.get_blob(ONE.name)
    assert (found.metadata, found.content_type) == ({"count": "1"}, "application/gzip")


def test_b6_a_lost_answer_leaves_one_object(cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket) -> None:
    cloud.faults.add(Fault(method="storage.objects.insert", when="after", calls=1))
    assert Bucket(client, bucket.name).write([ONE]) == {}
    assert stored(bucket) == [b"content"]
    assert bucket.get_blob(ONE.name).metageneration == 1


def test_b6_a_service_that_is_away_for_a_while_is_waited_for(
    cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket
) -> None:
    cloud.faults.add(Fault(method="storage.objects.insert", calls=2))
    assert Bucket(client, bucket.name).write([ONE]) == {}
    assert stored(bucket) == [b"content"]


def test_b6_writing_the_same_again_changes_nothing(client: storage.Client, bucket: storage.Bucket) -> None:
    for _ in range(2):
        assert Bucket(client, bucket.name).write([ONE]) == {}
    assert bucket.get_blob(ONE.name).metageneration == 1


def test_b6_an_object_too_large_for_one_request_is_written_once_too(
    cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket
) -> None:
    large = ArchiveObject("a/large", random.Random(1).randbytes(9_000_000), {"count": "1"})
    struck = len(cloud.faults.log)
    cloud.faults.add(Fault(method="storage.objects.*", when="after", resource="/upload*", calls=2))
    for _ in range(2):
        assert Bucket(client, bucket.name).write([large]) == {}
    assert len(cloud.faults.log) == struck + 2  # the answers to its beginning and to its end
    assert stored(bucket) == [large.content]
    assert bucket.get_blob(large.name).metageneration == 1


def test_b6_other_content_under_the_name_is_a_conflict_and_stays(
    client: storage.Client, bucket: storage.Bucket
) -> None:
    bucket.blob(ONE.name).upload_from_string(b"other")
    conflict = Bucket(client, bucket.name).write([ONE])[ONE.name]
    assert isinstance(conflict, CannotSucceed)
    assert conflict.reason == "archive_conflict"
    assert stored(bucket) == [b"other"]


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst"])
def test_b6_the_same_lines_compressed_otherwise_are_our_own_as_they_lie_there(
    client: storage.Client, bucket: storage.Bucket, form: FormatName
) -> None:
    ours = archive_object(
        "date=2026-01-02", [line(envelope.parse(message(str(number)))).json for number in range(9)], form
    )
    text = text_of(FORMATS[form].decode(ours.content))
    other = gzip.compress(text, 9) if form == "jsonl.gz" else pa.Codec("zstd", 19).compress(text, asbytes=True)
    assert other != ours.content
    bucket.blob(ours.name).upload_from_string(other)
    found = Bucket(client, bucket.name).write([ours])
    assert found == {ours.name: replace(ours, content=other)}
    assert stored(bucket) == [other]


def test_b6_lines_of_somebody_else_under_the_name_are_a_conflict(
    client: storage.Client, bucket: storage.Bucket
) -> None:
    ours, others = (archive_object("x", [line(envelope.parse(message(text))).json], "jsonl.gz") for text in "12")
    bucket.blob(ours.name).upload_from_string(others.content)
    assert isinstance(Bucket(client, bucket.name).write([ours])[ours.name], CannotSucceed)


def test_a_missing_bucket_is_someone_s_to_make(client: storage.Client) -> None:
    with pytest.raises(Misconfigured, match="gs://nobody-made-this"):
        Bucket(client, "nobody-made-this").write([ONE])
