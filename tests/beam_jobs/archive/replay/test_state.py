"""What a state says after any end of its writer: all that was recorded, and nothing that was not."""

from pathlib import Path
from typing import Any

import pytest

from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.choice import choice, where
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.replay.spec import Spec, Target, replay_id, spec
from beam_jobs.archive.replay.state import State, Tally

ENTRIES = [Entry(f"a/{name}", "x", "parquet", 1, "c", "s", 2, "t1", "t2", (name,)) for name in "ab"]
CHOICE = choice(Span("2026", ""), ["1"], ["d"], [where("a.b=c=d"), where("a.b^=x")])
SPEC = Spec(
    "r", Place("bucket", "a/b"), CHOICE, Target("topic", "projects/p/topics/t", "t/s"), listing=False, speed="10"
)


def test_a_spec_is_the_same_from_its_json() -> None:
    assert spec(SPEC.as_json()) == SPEC


def test_what_was_recorded_last_of_each_object_is_known(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "state"
    state = State.create(path, SPEC.as_json(), ENTRIES)
    state.record({0: Tally(5, 3, 1)}, 10)
    state.record({0: Tally(9, 7, 1, True), 1: Tally(damage="gone")}, 20)
    state.close()
    state, found = State.resume(path)
    state.record({1: Tally(1, 1)}, 30)
    state.close()
    assert (spec(found.spec), found.entries, found.position) == (SPEC, ENTRIES, 20)
    assert found.tallies == {0: Tally(9, 7, 1, True), 1: Tally(damage="gone")}
    assert found.tallies[0].skipped == 1
    assert resumed(path).tallies[1] == Tally(1, 1)


def resumed(path: Path) -> Any:
    state, found = State.resume(path)
    state.close()
    return found


def test_whatever_part_of_the_last_line_was_written_the_lines_before_it_hold(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = State.create(path, SPEC.as_json(), ENTRIES)
    state.record({0: Tally(1)}, 1)
    whole = path.read_bytes()
    state.record({0: Tally(2)}, 2)
    state.close()
    everything = path.read_bytes()
    for size in range(len(whole), len(everything)):
        path.write_bytes(everything[:size])
        assert (resumed(path).tallies, path.read_bytes()) == ({0: Tally(1)}, whole)


def test_a_first_line_that_was_not_finished_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b'{"v":1,"sp')
    with pytest.raises(OSError, match="is no state of a replay"):
        State.resume(path)
    State.create(path, SPEC.as_json(), ENTRIES).close()
    assert resumed(path).entries == ENTRIES


def test_a_state_is_not_overwritten_and_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = State.create(path, SPEC.as_json(), ENTRIES)
    with pytest.raises(OSError, match="is running already"):
        State.resume(path)
    state.close()
    with pytest.raises(FileExistsError, match="--resume goes on with it"):
        State.create(path, SPEC.as_json(), ENTRIES)
    with pytest.raises(FileNotFoundError):
        State.resume(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "..", "a/b", "x" * 101, "-x"])
def test_an_id_that_could_leave_its_folder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an id has letters"):
        replay_id(text)
