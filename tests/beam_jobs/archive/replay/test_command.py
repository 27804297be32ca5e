"""What `conductor replay` does with what people ask of it, through Google's clients."""

import io
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from beam_jobs.archive.formats import FORMATS
from beam_jobs.archive.lines import read
from bridge import envelope
from director.addressing import address, retry_filter
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.envelopes import archived
from tests.beam_jobs.archive.parts import Archived, message

HOURS = [f"2026-01-0{2 + number // 24}T{number % 24:02}:00:00.000000Z" for number in range(36)]
MESSAGES = [
    message(str(number), b"%d" % number, device__location=f"hall-{number % 3}", ce_time=time, ce_subject=f"d{number}")
    for number, time in enumerate(HOURS)
]


@pytest.fixture
def place(bucket: Any) -> str:
    archived(bucket.name, MESSAGES)
    return f"gs://{bucket.name}/archive"


@pytest.fixture
def replay(place: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Exit code and summary."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, Any]:
        code = conduct("replay", *([] if "--resume" in words else [place]), *words, "--json")
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else err

    return run


def ids(messages: Sequence[Any]) -> list[str]:
    return [one.attributes["ce-id"] for one in messages]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], range(36)),
        (["--from", HOURS[5], "--to", HOURS[30]], range(5, 30)),
        (["--from", "2026-01-02T06:00:00+01:00", "--to", "2026-01-02T07:00:00.000000001Z"], range(5, 7)),
        (["--where", "device.location=hall-1"], range(1, 36, 3)),
        (["--where", "device.location^=hall-", "--where", "device.location=x", "--from", HOURS[24]], range(24, 36)),
        (["--where", "device.location=hall-1", "--where", "device.location=hall-2", "--device", "d4"], [4]),
        (["--id", "7", "--id", "8", "--id", "none"], [7, 8]),
        (["--where", "nothing^="], []),
        (["--no-listing", "--to", HOURS[1]], [0]),
    ],
)
def test_what_is_chosen_is_replayed_in_the_order_it_happened_and_nothing_else(
    replay: Any, topics: Any, words: list[str], expected: Sequence[int]
) -> None:
    topic = topics()
    code, summary = replay("--topic", topic.name, *words)
    found = sorted(topic.take(), key=lambda one: int(one.message_id))
    assert (code, ids(found)) == (0, [str(number) for number in expected])
    assert (summary["published"], summary["skipped"]) == (len(found), summary["read"] - len(found))
    assert sum(one["read"] for one in summary["objects"].values()) == summary["read"]
    assert {one.attributes["replay.id"] for one in found} <= {summary["replay_id"]}


def test_a_folder_of_an_archive_is_an_archive(replay: Any, place: str, topics: Any, tmp_path: Path) -> None:
    topic = topics()
    assert conduct("replay", f"{place}/date=2026-01-02/location=hall-2", "--topic", topic.name) == 0
    assert sorted(ids(topic.take()), key=int) == [str(number) for number in range(2, 24, 3)]


def test_a_file_gets_the_lines_as_they_are_and_is_not_overwritten(replay: Any, bucket: Any, tmp_path: Path) -> None:
    code, summary = replay("--file", "out.jsonl", "--replay-id", "mine")
    lines = Path("out.jsonl").read_bytes().splitlines()
    assert (code, summary["published"]) == (0, 36)
    assert Counter(lines) == Counter(line for some in Archived(bucket).lines.values() for line in some)
    assert [read(line)["id"] for line in lines] == [str(number) for number in range(36)]
    assert replay("--file", "out.jsonl")[0] == 2
    assert replay("--file", "other.jsonl", "--replay-id", "mine")[0] == 2
    assert Path("out.jsonl").read_bytes().splitlines() == lines


def test_a_subscription_gets_them_alone(replay: Any, topics: Any) -> None:
    topic = topics()
    mine, other = (f"{topic.subscription}-{name}" for name in ("mine", "other"))
    for name in (mine, other):
        wanted = retry_filter(topic.name, name)
        topic.subscriber.create_subscription(request={"name": name, "topic": topic.name, "filter": wanted})
    code, _ = replay("--to-subscription", mine, "--id", "3")
    assert code == 0
    (found,) = topic.subscriber.pull(subscription=mine, max_messages=5, timeout=10).received_messages
    assert found.message.attributes["retry.to"] == address(topic.name, mine)
    topic.publish([message("behind")])
    behind = topic.subscriber.pull(subscription=other, max_messages=5, timeout=10).received_messages
    assert ids([one.message for one in behind]) == ["behind"]


def test_a_subscription_whose_filter_does_not_keep_others_out_is_refused(replay: Any, topics: Any) -> None:
    topic = topics()
    code, said = replay("--to-subscription", topic.subscription)
    assert (code, topic.take()) == (2, [])
    assert "has no filter for addressed messages" in said
    assert "or --force" in said
    assert replay("--to-subscription", topic.subscription, "--force", "--id", "3")[0] == 0
    assert ids(topic.take()) == ["3"]
    assert "there is no" in replay("--to-subscription", "projects/test-project/subscriptions/none", "--force")[1]
    wrong = f"{topic.subscription}-wrong"
    request = {"name": wrong, "topic": topic.name, "filter": 'attributes."retry.to" = "x"'}
    topic.subscriber.create_subscription(request=request)
    code, said = replay("--to-subscription", wrong, "--force")
    assert (code, "would not let them through" in said) == (2, True)


def test_an_address_of_an_earlier_retry_is_taken_away(bucket: Any, topics: Any, tmp_path: Path) -> None:
    archived(
        bucket.name, [message("1") + envelope.attribute("retry.to", "enriched/enriched-warehouse")], prefix="again"
    )
    topic = topics()
    state = ("--state", tmp_path / "state")
    assert conduct("replay", f"gs://{bucket.name}/again", "--topic", topic.name, *state) == 0
    assert topic.take()[0].attributes["retry.to"] == ""


def test_damaged_missing_and_unlisted_objects_are_named_and_the_rest_is_replayed(
    replay: Any, bucket: Any, topics: Any, capsys: Any
) -> None:
    names = sorted(Archived(bucket).blobs)
    assert len(names) == 6
    half = bucket.blob(names[0]).download_as_bytes(raw_download=True)[:-20]
    bucket.blob(names[0]).upload_from_string(half)
    bucket.blob(names[1]).delete()
    bucket.copy_blob(bucket.blob(names[2]), bucket, names[2].replace("hall-2", "other"))
    bucket.blob("archive/notes.txt").upload_from_string(b"hello")
    topic = topics()
    code, summary = replay("--topic", topic.name)
    assert code == 1
    assert summary["damaged"].keys() == set(names[:2])
    assert "CRC32C" in summary["damaged"][names[0]]
    assert "is not there" in summary["damaged"][names[1]]
    assert summary["unlisted"] == [names[2].replace("hall-2", "other")]
    assert summary["objects"][names[0]] == {"read": 0, "skipped": 0, "published": 0, "failed": 0}
    left = Counter(str(number) for number in range(36) if number >= 24 or number % 3 == 2)
    left.update(str(number) for number in range(2, 24, 3))
    assert Counter(ids(topic.take())) == left
    assert summary["published"] == left.total()


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_content_that_no_manifest_proves_is_named_where_it_is_broken(
    bucket: Any, topics: Any, tmp_path: Path, capsys: Any, form: str
) -> None:
    archived(bucket.name, MESSAGES[:3], prefix="other", format=form, key=("ce-type",))
    for blob in list(bucket.list_blobs(prefix="other/_manifest/")):
        blob.delete()
    (blob,) = bucket.list_blobs(prefix="other/")
    content = blob.download_as_bytes(raw_download=True)
    bucket.blob(blob.name).upload_from_string(content[: len(content) // 2])
    topic = topics()
    words = ("--topic", topic.name, "--state", tmp_path / "state", "--json")
    assert conduct("replay", f"gs://{bucket.name}/other", *words) == 1
    assert list(json.loads(capsys.readouterr().out)["damaged"]) == [blob.name]


def test_a_bad_line_is_counted_and_its_neighbours_are_replayed(
    bucket: Any, topics: Any, tmp_path: Path, capsys: Any
) -> None:
    archived(bucket.name, MESSAGES[:1], prefix="other", key=("ce-type",), format="jsonl.zst")
    (name,) = Archived(bucket, "other").blobs
    line = Archived(bucket, "other").lines[name][0]
    lines = [line, b"{broken", b"[]", line.replace(b'"attributes":{', b'"attributes":{"x":1,'), line]
    made = FORMATS["jsonl.zst"].encode(lines)
    bucket.blob(f"bad/{name.rpartition('/')[2].replace('-1.', '-5.')}").upload_from_string(made)
    topic = topics()
    words = ("--topic", topic.name, "--state", tmp_path / "state", "--json")
    assert conduct("replay", f"gs://{bucket.name}/bad", *words) == 1
    out = capsys.readouterr().out
    summary = json.loads(out)
    assert (summary["published"], summary["failed"], summary["read"]) == (2, 3, 5)
    assert ids(topic.take()) == ["0", "0"]


def test_a_message_that_pubsub_refuses_is_counted_and_its_neighbours_are_replayed(
    bucket: Any, topics: Any, tmp_path: Path, capsys: Any, caplog: Any
) -> None:
    many = {f"a.{number}": "x" for number in range(98)}
    archived(bucket.name, [*MESSAGES[:5], message("many") + envelope.attributes(many)], prefix="other")
    topic = topics()
    words = ("--topic", topic.name, "--state", tmp_path / "state", "--json")
    assert conduct("replay", f"gs://{bucket.name}/other", *words) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["published"], summary["failed"]) == (5, 1)
    assert sorted(ids(topic.take())) == ["0", "1", "2", "3", "4"]
    assert "refused by Pub/Sub" in caplog.text


def test_a_dry_run_says_how_much_and_how_long_and_publishes_nothing(replay: Any, topics: Any) -> None:
    topic = topics()
    code, found = replay("--dry-run", "--topic", topic.name, "--speed", "3600")
    assert (code, found["messages"], found["objects"], found["objects_read"]) == (0, 36, 6, 0)
    assert (found["first_event"], found["last_event"], found["seconds"]) == (HOURS[0], HOURS[-1], 35.0)
    code, found = replay("--dry-run", "--from", HOURS[1], "--to", HOURS[30], "--speed", "1")
    assert (found["messages"], found["seconds"], found["objects_read"] > 0) == (29, 28 * 3600, True)
    code, found = replay("--dry-run", "--id", "7", "--speed", "max")
    assert (found["messages"], found["objects_read"]) == (1, 6)
    assert topic.take() == []
    assert list(Path().iterdir()) == []


def test_a_replay_that_stops_for_an_outage_is_resumed_without_a_message_twice(
    replay: Any, topics: Any, cloud: LocalCloud
) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, code="PERMISSION_DENIED"))
    code, said = replay("--topic", topic.name, "--replay-id", "mine", "--id", "3", "--id", "4")
    assert code == 2
    assert "conductor replay --resume --state mine/state.jsonl" in said
    cloud.faults.clear()
    code, said = replay("--topic", topic.name, "--replay-id", "mine")
    assert (code, "--resume goes on with it" in said) == (2, True)
    code, summary = replay("--resume", "--replay-id", "mine")
    assert (code, summary["published"], sorted(ids(topic.take()))) == (0, 2, ["3", "4"])
    code, summary = replay("--resume", "--replay-id", "mine")
    assert (code, summary["published"], topic.take()) == (0, 2, [])


def test_what_is_fixed_when_a_replay_begins_cannot_be_said_again(replay: Any, tmp_path: Path) -> None:
    for words in (["--file", "x"], ["--id", "7"], ["--dry-run"], ["--where", "a=b"]):
        code, said = replay("--resume", "--replay-id", "mine", *words)
        assert (code, "goes on as it was begun" in said) == (2, True)
    assert replay("--resume")[0] == 2
    assert replay("--resume", "--replay-id", "mine")[0] == 2  # there is none


def test_pubsub_that_is_away_for_a_while_costs_no_message(replay: Any, topics: Any, cloud: LocalCloud) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, calls=3))
    code, summary = replay("--topic", topic.name)
    assert (code, summary["published"], Counter(ids(topic.take()))) == (0, 36, Counter(str(n) for n in range(36)))
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name))
    code, said = replay("--topic", topic.name, "--patience", "300ms")
    assert (code, "UNAVAILABLE" in said) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--topic", "projects/test-project/topics/a b!"],
        ["--to-subscription", "projects/test-project/subscriptions/a b!"],
        ["--topic", "t"],
        ["--speed", "0"],
        ["--from", "yesterday"],
        ["--where", "x"],
        ["--file", "no/such/folder/x"],
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_read(replay: Any, words: list[str]) -> None:
    code, said = replay(*words)
    assert code == 2
    assert isinstance(said, str)
    assert list(Path().glob("*/state.jsonl")) == []


def test_a_target_that_cannot_be_opened_leaves_no_state_behind(
    replay: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    code, said = replay("--topic", "projects/test-project/topics/some", "--replay-id", "mine")
    assert (code, "no usable credentials" in said) == (2, True)
    assert not Path("mine/state.jsonl").exists()


def test_a_topic_that_takes_no_message_at_all_is_told_and_nothing_is_recorded(
    replay: Any, topics: Any, cloud: LocalCloud
) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, code="INVALID_ARGUMENT"))
    code, said = replay("--topic", topic.name, "--replay-id", "mine")
    assert (code, "refuses every message" in said) == (2, True)
    assert len(Path("mine/state.jsonl").read_bytes().splitlines()) == 1
    cloud.faults.clear()
    code, summary = replay("--resume", "--replay-id", "mine")
    assert (code, summary["published"], summary["failed"], len(topic.take())) == (0, 36, 0, 36)


def test_a_file_is_gone_on_with_from_another_folder_and_only_where_all_of_it_is_there(
    replay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replay("--file", "out.jsonl", "--replay-id", "mine")[0] == 0
    whole = Path("out.jsonl").read_bytes()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    resume = ("--resume", "--state", tmp_path / "mine" / "state.jsonl")
    assert replay(*resume)[0] == 0
    out = tmp_path / "out.jsonl"
    out.write_bytes(whole[:100])
    code, said = replay(*resume)
    assert (code, f"{out}: it has 100 bytes, and {len(whole)} were recorded" in said) == (2, True)
    assert out.read_bytes() == whole[:100]


def test_a_resumed_replay_keeps_its_speed_unless_told_another(replay: Any, topics: Any, cloud: LocalCloud) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, code="PERMISSION_DENIED"))
    assert replay("--topic", topic.name, "--replay-id", "mine", "--speed", "36000", "--to", HOURS[11])[0] == 2
    cloud.faults.clear()
    code, summary = replay("--resume", "--replay-id", "mine")
    assert (code, summary["published"]) == (0, 11)
    assert summary["seconds"] >= 10 * 3600 / 36_000 * 0.9


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_shows_how_far_it_is(
    place: str, topics: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    assert conduct("replay", place, "--topic", topics().name, "--state", tmp_path / "state") == 0
    assert "36 replayed, 0 skipped, 0 failed" in terminal.getvalue()
    out = capsys.readouterr().out
    assert "messages   36 replayed, 0 skipped, 0 failed" in out
    assert "objects    6, 0 of them damaged" in out


def test_original_spacing_is_kept(place: str, topics: Any, tmp_path: Path, capsys: Any) -> None:
    topic = topics()
    words = ("--topic", topic.name, "--speed", "7200", "--to", HOURS[3], "--state", tmp_path / "state")
    assert conduct("replay", place, *words) == 0
    times = [one.publish_time.timestamp() for one in sorted(topic.take(), key=lambda one: int(one.message_id))]
    gaps = [second - first for first, second in itertools.pairwise(times)]
    assert len(gaps) == 2
    assert all(0.3 < gap < 3 for gap in gaps)
