"""What a download answers with."""

from dataclasses import replace
from typing import Any

import pytest

from localcloud.rest import HttpError
from localcloud.storage.downloads import byte_range, delivery
from localcloud.storage.model import StoredObject


def stored(size: int = 10, **settings: Any) -> StoredObject:
    return StoredObject(
        bucket="b",
        name="o",
        generation=7,
        metageneration=1,
        content="key",
        size=size,
        crc32c="AAAAAA==",
        md5="md5",
        created=0.0,
        updated=0.0,
        deleted=None,
        components=None,
        settings={"storageClass": "STANDARD", **settings},
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, (0, 9)),
        ("bytes=2-4", (2, 4)),
        ("bytes=2-", (2, 9)),
        ("bytes=-3", (7, 9)),
        ("bytes=-30", (0, 9)),
        ("bytes=5-500", (5, 9)),
        ("bytes=1-2,4-5", (0, 9)),
        ("lines=1-2", (0, 9)),
    ],
)
def test_ranges(wanted: str | None, expected: tuple[int, int]) -> None:
    assert byte_range(wanted, 10) == expected


@pytest.mark.parametrize(("wanted", "size"), [("bytes=10-", 10), ("bytes=4-2", 10), ("bytes=0-", 0)])
def test_a_range_beyond_the_end_is_refused(wanted: str, size: int) -> None:
    with pytest.raises(HttpError) as refused:
        byte_range(wanted, size)
    assert refused.value.status == 416


def test_a_range_of_everything_is_still_partial_content() -> None:
    plan = delivery(stored(), "bytes=0-9", "")
    assert (plan.status, plan.headers["Content-Range"]) == (206, "bytes 0-9/10")


def test_gzip_is_unpacked_for_those_who_do_not_accept_it_and_then_ranges_are_ignored() -> None:
    plan = delivery(stored(contentEncoding="gzip"), "bytes=2-4", "identity")
    assert (plan.status, plan.unpack, plan.length) == (200, True, 10)
    assert not {"X-Goog-Hash", "Content-Encoding", "Accept-Ranges"} & plan.headers.keys()


@pytest.mark.parametrize(
    ("accepts", "cache_control"), [("gzip", ""), ("br, gzip;q=0.5", ""), ("*", ""), ("", "no-transform")]
)
def test_gzip_is_left_packed_for_those_who_accept_it_or_forbid_changes(accepts: str, cache_control: str) -> None:
    plan = delivery(stored(contentEncoding="gzip", cacheControl=cache_control), None, accepts)
    assert not plan.unpack
    assert plan.headers["Content-Encoding"] == "gzip"


def test_gzip_with_weight_zero_is_not_accepted() -> None:
    assert delivery(stored(contentEncoding="gzip"), None, "gzip;q=0").unpack


def test_composed_objects_have_no_md5() -> None:
    assert delivery(replace(stored(), md5=None), None, "").headers["X-Goog-Hash"] == "crc32c=AAAAAA=="
