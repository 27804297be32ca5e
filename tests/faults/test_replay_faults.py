"""A replay that is killed at any moment: whoever resumes it loses nothing, and repeats a batch at most."""

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from beam_jobs.archive.reading.catalogue import catalogue
from beam_jobs.archive.reading.choice import Choice
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import open_shelf
from beam_jobs.archive.replay.batches import MESSAGES
from beam_jobs.archive.replay.pace import MAX, Pace
from beam_jobs.archive.replay.running import Replay
from beam_jobs.archive.replay.spec import Spec, Target
from beam_jobs.archive.replay.state import State
from beam_jobs.archive.replay.targets import open_taker
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.archive.conductors import conduct, started
from tests.beam_jobs.archive.conftest import bucket, client  # noqa: F401 - fixtures
from tests.beam_jobs.archive.envelopes import archived, envelopes
from tests.beam_jobs.archive.parts import message
from tests.beam_jobs.conftest import topics  # noqa: F401 - fixture

MANY, KILLS = 4 * MESSAGES, 3


class Died(BaseException):
    """As if by kill -9: nothing that would follow runs."""


def arrived(topic: Any, least: int) -> Counter[str]:
    """What there is, once there is so much; fails where less comes in half a minute."""
    found: Counter[str] = Counter()
    until = time.monotonic() + 30
    while found.total() < least:
        assert time.monotonic() < until, f"{found.total()} of {least} arrived"
        found.update(one.attributes["ce-id"] for one in topic.take())
    while more := topic.take():
        found.update(one.attributes["ce-id"] for one in more)
    return found


def published(cloud: LocalCloud, number: int) -> int:
    return sum(one.fault_id == number for one in cloud.faults.log)


@pytest.mark.timeout(180)
def test_a_killed_replay_is_resumed_without_loss_and_repeats_a_batch_at_most(
    cloud: LocalCloud,
    bucket: Any,  # noqa: F811
    topics: Any,  # noqa: F811
    tmp_path: Path,
    eventually: Any,
) -> None:
    raw = list(envelopes(MANY, large=0))
    for start in range(0, MANY, MESSAGES):
        archived(bucket.name, raw[start : start + MESSAGES])
    topic = topics(ack_deadline_seconds=600)
    place = f"gs://{bucket.name}/archive"
    # Each request waits a little, so that a kill meets requests on their way.
    slow = cloud.faults.add(
        Fault(method="pubsub.Publish", resource=topic.name, action="delay", when="after", seconds=0.1)
    )
    words: tuple[object, ...] = (place, "--topic", topic.name, "--replay-id", "mine")
    for kill in range(KILLS):
        enough = published(cloud, slow) + 3 + 4 * kill
        process = started(tmp_path, "replay", *words, "--json")
        eventually(lambda least=enough: published(cloud, slow) >= least)
        process.kill()
        assert process.wait() == -9
        words = ("--resume", "--replay-id", "mine")
    cloud.faults.clear()
    (tmp_path / "out").unlink()
    process = started(tmp_path, "replay", *words, "--json")
    assert process.wait(timeout=100) == 0, (tmp_path / "err").read_text()
    summary = json.loads((tmp_path / "out").read_text())
    found = arrived(topic, MANY)
    assert found.keys() == {f"id-{number}" for number in range(MANY)}
    assert 0 < found.total() - MANY <= KILLS * MESSAGES
    assert (summary["read"], summary["published"], summary["failed"]) == (MANY, MANY, 0)


@pytest.mark.parametrize("error", [Died, KeyboardInterrupt])
@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_a_replay_dies_one_batch_at_most_comes_twice(
    cloud: LocalCloud,
    bucket: Any,  # noqa: F811
    topics: Any,  # noqa: F811
    tmp_path: Path,
    when: str,
    error: type[BaseException],
) -> None:
    """Exhaustive over the records of a replay with small batches: it dies before or after each of them."""
    times = [f"2026-01-02T03:00:{number:02}Z" for number in range(23)]
    archived(bucket.name, [message(str(n), ce_time=time, device__location=f"h{n % 3}") for n, time in enumerate(times)])
    shelf = open_shelf(bucket.name)
    place = Place(bucket.name, "archive")
    entries = catalogue(shelf, place, Span()).entries
    deaths = 0
    for k in range(100):
        topic = topics()
        spec = Spec(f"r{k}", place, Choice(), Target("topic", topic.name))
        path = tmp_path / f"{when}-{k}"
        state = State.create(path, spec.as_json(), entries)
        dying = Dying(state, k, when, error)
        replay = Replay(spec, entries, shelf, open_taker(spec, "t", None), dying, Pace(MAX), batch_messages=4)
        try:
            replay.run()
        except error:
            deaths += 1
        state.close()
        state, resumed = State.resume(path)
        again = Replay(
            spec, resumed.entries, shelf, open_taker(spec, "t", 0), state, Pace(MAX), resumed.tallies, batch_messages=4
        )
        totals = again.run()
        state.close()
        found = arrived(topic, len(times))
        assert found.keys() == {str(number) for number in range(len(times))}
        assert found.total() <= len(times) + 4
        assert (totals.read, totals.published, totals.ended) == (len(times), len(times), len(entries))
        if deaths == k:
            break
    assert deaths >= len(times) // 4


class Dying:
    """A state whose process dies at its k-th record."""

    def __init__(self, state: State, k: int, when: str, error: type[BaseException] = Died) -> None:
        self._state, self._left, self._when, self._error = state, k, when, error

    def record(self, tallies: Any, position: int) -> None:
        self._left -= 1
        if self._left == -1 and self._when == "before":
            raise self._error
        self._state.record(tallies, position)
        if self._left == -1:
            raise self._error


def test_a_file_whose_replay_dies_has_each_line_once(
    cloud: LocalCloud,
    bucket: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = list(envelopes(200, large=0))
    archived(bucket.name, raw)
    shelf, place = open_shelf(bucket.name), Place(bucket.name, "archive")
    entries = catalogue(shelf, place, Span()).entries
    spec = Spec("mine", place, Choice(), Target("file", str(tmp_path / "x.jsonl")))
    state = State.create(tmp_path / "state", spec.as_json(), entries)
    taker = open_taker(spec, "t", None)
    replay = Replay(spec, entries, shelf, taker, Dying(state, 2, "before"), Pace(MAX), batch_messages=20)
    with pytest.raises(Died):
        replay.run()
    taker.close()
    state.close()
    assert conduct("replay", "--resume", "--state", tmp_path / "state") == 0
    lines = (tmp_path / "x.jsonl").read_bytes().splitlines()
    assert (len(lines), len(set(lines))) == (200, 200)


@pytest.mark.timeout(60)
def test_an_interrupted_replay_records_only_what_was_confirmed_and_says_how_to_go_on(
    cloud: LocalCloud,
    bucket: Any,  # noqa: F811
    topics: Any,  # noqa: F811
    tmp_path: Path,
    eventually: Any,
) -> None:
    archived(bucket.name, list(envelopes(3_000, large=0)))
    topic = topics(ack_deadline_seconds=600)
    slow = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, seconds=0.2))
    process = started(
        tmp_path, "replay", f"gs://{bucket.name}/archive", "--topic", topic.name, "--replay-id", "mine", "--json"
    )
    eventually(lambda: published(cloud, slow) >= 3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    said = (tmp_path / "err").read_text()
    assert "to go on: conductor replay --resume --state mine/state.jsonl" in said
    assert "same command" not in said
    cloud.faults.clear()
    (tmp_path / "out").unlink()
    process = started(tmp_path, "replay", "--resume", "--replay-id", "mine", "--json")
    assert process.wait(timeout=50) == 0, (tmp_path / "err").read_text()
    summary = json.loads((tmp_path / "out").read_text())
    assert arrived(topic, 3_000).keys() == {f"id-{number}" for number in range(3_000)}
    assert (summary["read"], summary["published"], summary["failed"]) == (3_000, 3_000, 0)
