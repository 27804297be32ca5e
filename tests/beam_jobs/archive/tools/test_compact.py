"""Compaction: whoever reads through the manifest sees every line once, before, meanwhile and after, over any crash."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beam_jobs.archive.lines import read
from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.archive.reading.catalogue import catalogue
from beam_jobs.archive.reading.contents import text
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import BucketShelf, Stored
from beam_jobs.archive.tools.compact import Done, Limits, compact
from beam_jobs.archive.tools.lease import ObjectLease
from beam_jobs.archive.tools.verify import verify
from beam_jobs.errors import Misconfigured
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.envelopes import archived
from tests.beam_jobs.archive.parts import Archived, message

NOW = datetime.now(UTC) + timedelta(days=3)
AT_ONCE = Limits(older_than=timedelta(), keep=timedelta())
LATER = timedelta(hours=1)
IDS = [str(number) for number in range(12)]


def fill(bucket: Any, **given: Any) -> Place:
    """Two halls on two dates, three objects each."""
    for batch in range(3):
        some = [
            message(identity, device__location=f"h{number % 2}", ce_time=f"2026-01-0{2 + number // 2}T0{batch}:00:00Z")
            for number, identity in enumerate(IDS[batch * 4 : batch * 4 + 4])
        ]
        archived(bucket.name, some, **given)
    return Place(bucket.name, "archive")


def seen(shelf: Any, place: Place) -> Counter[str]:
    """Ids as readers see them."""
    known = catalogue(shelf, place, Span())
    assert (known.missing, known.unlisted, known.strangers) == (set(), set(), set())
    return Counter(read(line)["id"] for entry in known.entries for line in text(shelf, entry).splitlines())


class Died(BaseException):
    """As if by kill -9."""


class Mortal:
    """A shelf and a lease whose process dies before or after its k-th call; then nothing of it works."""

    def __init__(self, shelf: BucketShelf, lease: ObjectLease, k: int, when: str, look: Callable[[], None]) -> None:
        self._shelf, self._lease, self._k, self._when, self._look = shelf, lease, k, when, look
        self.calls = 0
        self._lock = threading.Lock()

    def stored(self, prefix: str) -> Iterator[Stored]:
        yield from self._call(lambda: list(self._shelf.stored(prefix)))

    def read(self, name: str) -> bytes:
        return bytes(self._call(lambda: self._shelf.read(name)))

    def write(self, objects: Sequence[ArchiveObject]) -> None:
        self._call(lambda: self._shelf.write(objects))

    def delete(self, one: Stored) -> None:
        self._call(lambda: self._shelf.delete(one))

    def take(self) -> None:
        self._call(self._lease.take)

    def renew(self) -> None:
        self._call(self._lease.renew)

    def give_back(self) -> None:
        self._call(self._lease.give_back)

    def _call(self, call: Callable[[], Any]) -> Any:
        with self._lock:  # objects are read side by side
            self.calls += 1
            if self.calls > self._k or (self.calls == self._k and self._when == "before"):
                raise Died
            answer = call()
            self._look()
            if self.calls == self._k:
                raise Died
        return answer


def the_lease(client: Any, place: Place, now: datetime) -> ObjectLease:
    return ObjectLease(client, place.bucket, place.prefix, "test", lambda: now)


def run(client: Any, place: Place, limits: Limits = AT_ONCE, now: datetime = NOW) -> Done:
    return compact(BucketShelf(client, place.bucket), place, Span(), limits, the_lease(client, place, now), lambda: now)


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_small_objects_of_a_folder_and_date_become_one(client: Any, bucket: Any, form: str) -> None:
    place = fill(bucket, format=form)
    shelf = BucketShelf(client, bucket.name)
    done = run(client, place)
    assert (done.joined, done.written, done.deleted, done.damaged) == (12, 4, 12, None)
    assert seen(shelf, place) == Counter(IDS)
    assert len(Archived(bucket).blobs) == 4
    assert Archived(bucket).ids == Counter(IDS)
    assert verify(shelf, catalogue(shelf, place, Span()), Span(), NOW, deep=True).findings == []
    assert run(client, place) == Done()


def test_replaced_objects_stay_for_those_who_still_read_them(client: Any, bucket: Any) -> None:
    place, shelf = fill(bucket), BucketShelf(client, bucket.name)
    old = catalogue(shelf, place, Span()).entries
    done = run(client, place, Limits(older_than=timedelta(), keep=timedelta(days=30)))
    assert (done.joined, done.deleted) == (12, 0)
    assert Counter(read(line)["id"] for entry in old for line in text(shelf, entry).splitlines()) == Counter(IDS)
    assert seen(shelf, place) == Counter(IDS)
    report = verify(shelf, catalogue(shelf, place, Span()), Span(), NOW, deep=True)
    assert (report.findings, report.replaced) == ([], 12)
    assert run(client, place).deleted == 12
    assert seen(shelf, place) == Counter(IDS)


def test_what_is_large_or_young_or_would_make_too_large_an_object_is_left(client: Any, bucket: Any) -> None:
    place = fill(bucket)
    before = set(Archived(bucket).blobs)
    for limits in (
        Limits(smaller_than=10, older_than=timedelta()),
        Limits(older_than=timedelta(days=30)),
        Limits(older_than=timedelta(), target_messages=1),
        Limits(older_than=timedelta(), target_bytes=10),
    ):
        assert run(client, place, limits) == Done()
    assert set(Archived(bucket).blobs) == before
    assert run(client, place, Limits(older_than=timedelta(), target_messages=2)).written == 4


def test_what_was_joined_is_joined_again_with_what_came_since(client: Any, bucket: Any) -> None:
    place, shelf = fill(bucket), BucketShelf(client, bucket.name)
    run(client, place, Limits(older_than=timedelta(), keep=timedelta(days=30)))
    archived(bucket.name, [message("late", device__location="h0", ce_time="2026-01-02T09:00:00Z")])
    assert run(client, place).written == 1
    assert seen(shelf, place) == Counter([*IDS, "late"])
    assert len(Archived(bucket).blobs) == 4


def test_the_same_lines_in_two_objects_become_one_object(client: Any, bucket: Any) -> None:
    """Also where the joined object is one of those it is made of."""
    same = message("1", device__location="h")
    archived(bucket.name, [same])
    archived(bucket.name, [same, message("2", device__location="h")])
    place, shelf = Place(bucket.name, "archive"), BucketShelf(client, bucket.name)
    assert (run(client, place).joined, len(Archived(bucket).blobs)) == (1, 1)
    assert seen(shelf, place) == Counter(["1", "2"])
    assert run(client, place) == Done()


def test_what_the_archive_job_writes_again_is_not_seen_twice(client: Any, bucket: Any) -> None:
    place, shelf = fill(bucket), BucketShelf(client, bucket.name)
    run(client, place)
    fill(bucket)  # as after a lost acknowledgement: the same objects, written and listed anew
    assert seen(shelf, place) == Counter(IDS)
    assert run(client, place).deleted == 12


def test_a_damaged_object_is_named_and_kept_and_the_others_are_joined(client: Any, bucket: Any) -> None:
    place, shelf = fill(bucket), BucketShelf(client, bucket.name)
    name = min(Archived(bucket).blobs)
    blob = bucket.blob(name)
    broken = blob.download_as_bytes(raw_download=True)
    bucket.blob(name).upload_from_string(broken[:-1] + b"x")
    done = run(client, place)
    assert (done.joined, done.written) == (11, 4)
    known = catalogue(shelf, place, Span())
    findings = verify(shelf, known, Span(), NOW, deep=True).findings
    assert {(one.what, one.name) for one in findings} == {("altered", name), ("damaged", name)}


def test_nothing_is_deleted_whose_replacement_is_not_as_it_was_listed(client: Any, bucket: Any) -> None:
    place = fill(bucket)
    run(client, place, Limits(older_than=timedelta(), keep=timedelta(days=30)))
    shelf = BucketShelf(client, bucket.name)
    large = [one.name for one in catalogue(shelf, place, Span()).entries]
    bucket.blob(large[0]).upload_from_string(b"other")
    bucket.blob(large[1]).delete()
    done = run(client, place)
    assert (done.deleted, len(done.damaged or [])) == (6, 6)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_shows_every_line_once_and_the_next_run_ends_it(client: Any, when: str) -> None:
    k = 0
    while True:
        k += 1
        bucket = client.create_bucket(f"compact-{when}-{k}")
        archived(bucket.name, [message(one, ce_time="2026-01-02T00:00:00Z") for one in ("0", "1")])
        archived(bucket.name, [message(one, ce_time="2026-01-02T01:00:00Z") for one in ("2", "3")])
        place, shelf = Place(bucket.name, "archive"), BucketShelf(client, bucket.name)

        def look(shelf: BucketShelf = shelf, place: Place = place) -> None:
            assert seen(shelf, place) == Counter(IDS[:4])

        mortal = Mortal(shelf, the_lease(client, place, NOW), k, when, look)
        try:
            compact(mortal, place, Span(), AT_ONCE, mortal, lambda: NOW)
        except Died:
            look()
            report = verify(shelf, catalogue(shelf, place, Span()), Span(), NOW, deep=True)
            assert (report.findings, report.repeated) == ([], 0)
            compact(shelf, place, Span(), AT_ONCE, the_lease(client, place, NOW + LATER), lambda: NOW + LATER)
            look()
            assert len(Archived(bucket).blobs) == 1
            assert list(bucket.list_blobs(prefix="archive/_compaction/")) == []
        else:
            assert mortal.calls < k
            break
    assert k > 12


def test_a_large_object_that_nobody_listed_and_that_is_not_made_again_is_removed(client: Any, bucket: Any) -> None:
    place, shelf = fill(bucket), BucketShelf(client, bucket.name)
    mortal = Mortal(shelf, the_lease(client, place, NOW), 10**6, "before", lambda: None)
    mortal.renew = counted(mortal.renew, 2)  # type: ignore[method-assign]
    with pytest.raises(Died):
        compact(mortal, place, Span(), AT_ONCE, mortal, lambda: NOW)
    assert len(catalogue(shelf, place, Span()).unfinished) == 1
    for hall in ("h0", "h1"):
        archived(bucket.name, [message(f"more-{hall}", device__location=hall, ce_time="2026-01-02T09:00:00Z")])
        archived(bucket.name, [message(f"more-{hall}", device__location=hall, ce_time="2026-01-03T09:00:00Z")])
    assert seen(shelf, place) == Counter([*IDS, *["more-h0", "more-h1"] * 2])
    assert run(client, place, now=NOW + LATER).orphans == 1
    assert catalogue(shelf, place, Span()).unfinished == frozenset()
    assert seen(shelf, place) == Counter([*IDS, *["more-h0", "more-h1"] * 2])


def counted(call: Callable[[], None], most: int) -> Callable[[], None]:
    left = iter(range(most - 1))

    def mortal() -> None:
        if next(left, None) is None:
            raise Died
        call()

    return mortal


def test_objects_of_other_dates_are_neither_joined_nor_taken_for_unlisted(client: Any, bucket: Any) -> None:
    place, shelf = fill(bucket), BucketShelf(client, bucket.name)
    run(client, place)
    span = Span("2026-01-02T00:00:00.000000Z", "2026-01-02T09:00:00.000000Z")
    lease = the_lease(client, place, NOW)
    assert compact(shelf, place, span, AT_ONCE, lease, lambda: NOW) == Done()
    assert seen(shelf, place) == Counter(IDS)


def test_one_compaction_at_a_time(client: Any, bucket: Any) -> None:
    place = fill(bucket)
    first = the_lease(client, place, NOW)
    first.take()
    with pytest.raises(Misconfigured, match="test compacts this archive"):
        run(client, place)
    assert run(client, place, now=NOW + LATER).written == 4


def test_the_command_says_what_it_would_do_and_does_it(client: Any, bucket: Any, capsys: Any) -> None:
    place = fill(bucket)
    words = ("archive", "compact", place, "--older-than", "0s", "--keep", "0s", "--json")
    assert conduct(*words, "--dry-run") == 0
    would = json.loads(capsys.readouterr().out)
    assert (would["joined"], would["written"], len(Archived(bucket).blobs)) == (12, 4, 12)
    assert conduct(*words) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == 12
    assert conduct(*words[:-1]) == 0
    assert "0 objects joined into 0" in capsys.readouterr().out
    assert len(Archived(bucket).blobs) == 4
