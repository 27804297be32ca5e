"""A catalogue has what the manifest lists and what only lies there; it believes neither blindly."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beam_jobs.archive.reading.catalogue import Catalogue, catalogue
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import open_shelf
from beam_jobs.errors import Misconfigured, RetryLater
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.archive.envelopes import archived
from tests.beam_jobs.archive.parts import Archived, message

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)


def fill(bucket: Any, days: int, **given: Any) -> None:
    for number in range(days):
        time = (FIRST + timedelta(days=number)).isoformat()
        archived(bucket.name, [message(str(number), ce_time=time)], **given)


def known(bucket: Any, prefix: str = "archive", span: Span = Span(), listing: bool = True) -> Catalogue:  # noqa: B008
    return catalogue(open_shelf(bucket.name), Place(bucket.name, prefix), span, listing)


def dates(found: Catalogue) -> list[str]:
    return [one.min_event_time[:10] for one in found.entries]


def test_entries_come_by_event_time_and_are_those_that_meet_the_span(bucket: Any) -> None:
    fill(bucket, 4)
    assert dates(known(bucket)) == [f"2026-01-0{number}" for number in range(1, 5)]
    assert dates(known(bucket, span=Span("2026-01-02T12:00:00.000000Z"))) == ["2026-01-02", "2026-01-03", "2026-01-04"]
    span = Span("2026-01-02T12:00:00.000001Z", "2026-01-04T12:00:00.000000Z")
    assert dates(known(bucket, span=span)) == ["2026-01-03"]


def test_of_a_span_only_the_dates_in_it_are_asked_for(bucket: Any, cloud: LocalCloud) -> None:
    fill(bucket, 4)
    spoiled = next(name for name in Archived(bucket).all if "_manifest/date=2026-01-04" in name)
    bucket.blob(spoiled).upload_from_string(b"x")
    assert dates(known(bucket, span=Span("2026-01-01", "2026-01-03T23:59:59.000000Z"))) == [
        "2026-01-01",
        "2026-01-02",
        "2026-01-03",
    ]
    with pytest.raises(Misconfigured, match=f"{spoiled} is no part of a manifest"):
        known(bucket)


def test_an_object_that_no_manifest_lists_is_found_and_named(bucket: Any) -> None:
    fill(bucket, 2)
    whole = known(bucket).entries
    for blob in list(bucket.list_blobs(prefix="archive/_manifest/")):
        blob.delete()
    found = known(bucket)
    assert found.entries == whole  # metadata says all of it
    assert found.unlisted == {one.name for one in whole}
    assert known(bucket, listing=False).entries == ()


def test_of_an_object_without_metadata_its_name_says_enough(bucket: Any) -> None:
    fill(bucket, 1)
    (name,) = Archived(bucket).blobs
    content = bucket.blob(name).download_as_bytes(raw_download=True)
    bucket.blob(f"copy/{name}").upload_from_string(content)
    (found,) = known(bucket, "copy").entries
    assert (found.count, found.sha256, found.format) == (1, "", "jsonl.gz")
    assert (found.min_event_time, found.max_event_time[:10]) == ("2026-01-01T12:00:00.000000Z", "2026-01-01")


def test_an_object_that_is_gone_is_missing_where_objects_are_listed(bucket: Any) -> None:
    fill(bucket, 2)
    name = min(Archived(bucket).blobs)
    bucket.blob(name).delete()
    assert known(bucket).missing == {name}
    assert known(bucket, listing=False).missing == set()


def test_the_manifest_of_a_folder_is_found_around_it(bucket: Any) -> None:
    fill(bucket, 2, prefix="some/archive")
    found = known(bucket, "some/archive/date=2026-01-02")
    assert (found.root, dates(found), found.unlisted) == ("some/archive", ["2026-01-02"], set())


def test_what_is_no_object_of_an_archive_is_named(bucket: Any) -> None:
    fill(bucket, 1)
    for name in ("archive/notes.txt", "archive/_own/thing", "archive-2/thing"):
        bucket.blob(name).upload_from_string(b"")
    assert known(bucket).strangers == {"archive/notes.txt"}


def test_errors_say_what_to_do(bucket: Any, cloud: LocalCloud) -> None:
    with pytest.raises(Misconfigured, match="gs://no-such-bucket"):
        catalogue(open_shelf("no-such-bucket"), Place("no-such-bucket", "a"), Span())
    cloud.faults.add(Fault(method="storage.objects.list", code="ABORTED"))
    with pytest.raises(RetryLater, match=bucket.name):
        known(bucket)
