"""A batch becomes objects and parts of the manifest, each message once; what cannot be written harms no other."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive import manifest, transforms
from beam_jobs.archive.lines import read
from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.archive.transforms import Archiver
from beam_jobs.errors import CannotSucceed, Misconfigured
from bridge import envelope
from tests.beam_jobs.archive.parts import config, format_of, message


class Store:
    """Keeps what it is given, call by call; has other content under names that hold `refused`."""

    def __init__(self, refused: str = "-") -> None:
        self.calls: list[list[ArchiveObject]] = []
        self._refused = refused

    def write(self, objects: Sequence[ArchiveObject]) -> dict[str, CannotSucceed]:
        self.calls.append(list(objects))
        return {
            one.name: CannotSucceed(f"{one.name} exists", "archive_conflict")
            for one in objects
            if f"={self._refused}/" in one.name
        }

    @property
    def objects(self) -> list[ArchiveObject]:
        return [one for call in self.calls for one in call if manifest.FOLDER not in one.name]

    @property
    def parts(self) -> list[ArchiveObject]:
        return [one for call in self.calls for one in call if manifest.FOLDER in one.name]


def ids(one: ArchiveObject) -> list[str]:
    return [read(line)["id"] for line in format_of(one.name).decode(one.content)]


BATCHES = st.lists(
    st.tuples(
        st.sampled_from(["hall", "refused", "", "../x"]),
        st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02T23:59:59-01:00", "soon"]),
    ),
    max_size=30,
)


@given(batch=BATCHES, flush_messages=st.integers(1, 8))
def test_each_message_is_in_one_object_that_is_listed_or_is_a_dead_letter(
    batch: list[tuple[str, str]], flush_messages: int
) -> None:
    store = Store("refused")
    raw = [message(str(n), b"%d" % n, device__location=hall, ce_time=time) for n, (hall, time) in enumerate(batch)]
    result = Archiver(store, config(flush_messages=flush_messages))(raw)
    dead = [envelope.parse(one) for one in result.dead_letters]
    good = [one for one in store.objects if "=refused/" not in one.name]
    assert all(letter.data == letter.attributes["ce-id"].encode() for letter in dead)
    found = Counter(identity for one in good for identity in ids(one))
    found.update(letter.attributes["ce-id"] for letter in dead)
    assert found == Counter(map(str, range(len(batch))))
    assert result.done == len(batch) - len(dead)
    listed = [entry.name for part in store.parts for entry in manifest.decode(part.content)]
    assert sorted(listed) == sorted(one.name for one in good)


def test_objects_are_listed_only_once_all_of_their_group_are_written() -> None:
    store = Store()
    Archiver(store, config())([message(str(n), device__location=f"hall-{n}") for n in range(5)])
    assert [[manifest.FOLDER in one.name for one in call] for call in store.calls] == [[False] * 5, [True]]


def test_many_objects_are_written_in_groups_so_that_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "GROUP_OBJECTS", 10)
    store = Store()
    result = Archiver(store, config())([message(str(n), device__location=f"hall-{n}") for n in range(25)])
    assert [len(call) for call in store.calls] == [10, 1, 10, 1, 5, 1]
    assert result.done == 25


def test_above_the_memory_for_open_lines_the_oldest_folder_is_written_with_what_it_has() -> None:
    store = Store()
    raw = [message(str(n), b"x" * 30_000, device__location=f"hall-{n % 5}") for n in range(10)]
    Archiver(store, config(open_bytes=100_000))(raw)
    assert [len(ids(one)) for one in store.objects] == [1] * 10
    assert [ids(one)[0] for one in store.objects] == [str(n) for n in range(10)]


def test_a_message_that_came_twice_is_written_once_and_done_twice() -> None:
    store = Store()
    result = Archiver(store, config())([message("1"), message("2"), message("1")])
    assert result.done == 3
    assert [ids(one) for one in store.objects] == [["1", "2"]]


def test_a_manifest_that_somebody_else_writes_holds_up_everything() -> None:
    store = Store("03")  # its hour
    with pytest.raises(Misconfigured, match=r"gs://bucket/archive/_manifest/.* exists; remove it"):
        Archiver(store, config())([message("1")])
