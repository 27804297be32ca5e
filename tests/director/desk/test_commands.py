"""`conductor dead-letters`: what it prints, and how it ends."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from director.conductor.cli import main
from tests.director.desk.offices import Office

Make = Callable[..., bytes]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(office: Office, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on the office's tables: its exit code, output and errors."""

    def call(command: str, *arguments: str) -> tuple[int, str, str]:
        code = main(["dead-letters", command, "--table", office.tables.letters, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_list_prints_letters_and_how_many_of_each_kind(office: Office, letter: Make, run: Run) -> None:
    first, second = office.add(letter(), letter(stage="archive", reason="archive_conflict"))
    code, out, _ = run("list")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["MESSAGE", "WRITTEN", "STAGE", "REASON", "ATTEMPT", "DEVICE", "CE-ID"]
    assert lines[1].split() == [
        first,
        "2026-03-01T12:00:00.000Z",
        "warehouse",
        "invalid_value",
        "1",
        "device-1",
        "id-1",
    ]
    assert lines[2].split()[0] == second
    assert lines[4].split() == ["STAGE", "REASON", "LETTERS", "OLDEST", "NEWEST"]
    assert lines[5].split()[:3] == ["archive", "archive_conflict", "1"]


def test_list_says_when_it_does_not_list_all(office: Office, letter: Make, run: Run) -> None:
    office.add(*(letter() for _ in range(3)))
    assert "\n2 of 3 listed;" in run("list", "--limit", "2")[1]
    assert "listed" not in run("list")[1]


def test_list_for_programs_is_one_document(office: Office, letter: Make, run: Run) -> None:
    (message_id,) = office.add(letter())
    code, out, _ = run("list", "--json")
    document = json.loads(out)
    assert code == 0
    assert [one["message_id"] for one in document["letters"]] == [message_id]
    assert document["letters"][0]["attributes"]["dead_letter.message"] == "it is broken"
    assert document["letters"][0]["decision"] is None
    assert document["summary"][0] == {
        "stage": "warehouse",
        "reason": "invalid_value",
        "letters": 1,
        "oldest": "2026-03-01T12:00:00.000Z",
        "newest": "2026-03-01T12:00:00.000Z",
    }


def test_times_may_be_durations(office: Office, letter: Make, run: Run) -> None:
    now = datetime.now(UTC)
    office.add(letter(), at=now - timedelta(hours=3))
    (recent,) = office.add(letter(), at=now - timedelta(minutes=5))
    assert [one["message_id"] for one in json.loads(run("list", "--json", "--since", "1h")[1])["letters"]] == [recent]
    assert len(json.loads(run("list", "--json", "--until", "1h")[1])["letters"]) == 1


def test_all_lists_those_decided_about_with_the_decision(office: Office, letter: Make, run: Run) -> None:
    office.add(letter())
    assert run("discard", "--yes", "--everything", "--by", "grace", "--note", "known fault")[0] == 0
    assert run("list")[1] == "no dead letters\n"
    assert "discarded" in run("list", "--all")[1]
    assert "by grace (known fault)" in run("list", "--all")[1]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b'{"a": [1, "\xc3\xa9"]}', ["payload    16 bytes, JSON", "  {", '    "a": [', "      1,", '      "é"']),
        (b"one\ntwo \x1b[31m", ["payload    13 bytes, text", "  one", "  two \\x1b[31m"]),
        (b'{"a": NaN}', ["payload    10 bytes, text", '  {"a": NaN}']),
        (b"\x00\xff", ["payload    2 bytes, binary", "  00 ff"]),
        (b"", ["payload    0 bytes, text"]),
    ],
)
def test_show_prints_everything(office: Office, letter: Make, run: Run, data: bytes, shown: list[str]) -> None:
    (message_id,) = office.add(letter(data=data, **{"mqtt.up.x": "a\nforged"}))
    code, out, _ = run("show", message_id)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"message    {message_id}"
    assert lines[2:5] == [
        "failed     in warehouse: invalid_value, attempt 1",
        "because    it is broken",
        "decision   none",
    ]
    assert any(line.split() == ["mqtt.up.x", "a\\nforged"] for line in lines)
    start = lines.index(shown[0])
    assert lines[start : start + len(shown)] == shown


def test_show_for_programs_has_the_payload_whole(office: Office, letter: Make, run: Run) -> None:
    office.add(letter(data=b"\x00\xff"))
    assert json.loads(run("show", "--id", "id-1", "--json")[1])["data"] == "AP8="


def test_show_of_what_is_not_there_ends_with_2(run: Run) -> None:
    code, out, err = run("show", "nothing")
    assert (code, out) == (2, "")
    assert err == "conductor: no such dead letter; `list --all` prints those there are\n"


def test_retry_reports_what_it_did_and_ends_with_1_where_it_refused(office: Office, letter: Make, run: Run) -> None:
    (subscription,) = office.topic("warehouse")
    office.add(letter(subscription))
    assert run("retry", "--stage", "warehouse") == (0, "1 retried\n", "")
    (lost,) = office.add(letter("nowhere"))
    code, out, err = run("retry", "--stage", "warehouse")
    assert (code, out) == (1, "1 refused\n")
    assert err.startswith(f"refused   {lost}: dead_letter.original_topic is 'nowhere'")
    assert len(office.pulled(subscription)) == 1


def test_a_letter_is_retried_again_when_told(office: Office, letter: Make, run: Run) -> None:
    (subscription,) = office.topic("warehouse")
    (message_id,) = office.add(letter(subscription))
    assert run("retry", message_id)[1] == "1 retried\n"
    assert run("retry", message_id)[1] == "no dead letters\n"
    assert run("retry", message_id, "--again")[1] == "1 retried\n"


def test_a_dry_run_names_every_letter(office: Office, letter: Make, run: Run) -> None:
    (subscription,) = office.topic("warehouse")
    (message_id,) = office.add(letter(subscription))
    code, out, err = run("retry", "--everything", "--dry-run")
    assert (code, out) == (0, "would be: 1 retried\n")
    assert err == f"would be retried   {message_id}  {subscription}\n"
    assert office.pulled(subscription) == []


def test_the_broker_comes_from_the_environment_unless_named(
    broker_port: int, office: Office, bridge_letter: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add(bridge_letter())
    monkeypatch.setenv("MQTT_BROKER_URL", f"mqtt://127.0.0.1:{broker_port}")
    assert "nobody subscribes" in run("retry", "--everything")[2]
    code, _, err = run("retry", "--everything", "--broker", "mqtt://127.0.0.1:1")
    assert code == 1
    assert err.startswith("conductor: the broker at 127.0.0.1:1 cannot be reached")


@pytest.mark.parametrize("command", ["show", "retry", "discard"])
def test_without_a_word_on_which_letters_nothing_is_touched(
    office: Office, letter: Make, run: Run, command: str
) -> None:
    office.add(letter())
    code, out, err = run(command)
    assert (code, out) == (2, "")
    assert err.startswith("conductor: say which letters: message ids, --stage")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("", 1, 1)])
def test_discard_asks_on_a_terminal(
    office: Office, letter: Make, run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    office.add(letter())
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    got, _, err = run("discard", "--everything")
    assert got == code
    assert err.startswith("discard up to 1 letters? They stay in the table")
    assert len(office.decisions()) == 1 - left


def test_discard_wants_a_yes_where_nobody_can_be_asked(
    office: Office, letter: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add(letter())
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, _, err = run("discard", "--everything")
    assert code == 2
    assert "add --yes" in err
    assert office.decisions() == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--since", "yesterday"], "'yesterday' is no time; write how long ago"),
        (["--limit", "0"], "'0' is no number from 1 on"),
        (["--architecture", "x.yaml"], "not allowed with argument --table"),
    ],
)
def test_arguments_that_cannot_work_end_with_2(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        run("list", *arguments)
    assert caught.value.code == 2
    assert why in capsys.readouterr().err


def test_options_that_do_not_go_together_are_told(run: Run, tmp_path: Path) -> None:
    assert "--dataflow goes with --architecture" in run("list", "--dataflow", "air")[2]
    assert main(["dead-letters", "list", "--architecture", str(tmp_path / "x.yaml"), "--decisions", "a.b.c"]) == 2


def test_a_table_that_is_not_there_is_one_line(office: Office, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    table = office.tables.letters.replace("dead_letters", "absent")
    code = main(["dead-letters", "list", "--table", table])
    assert code == 2
    assert "conductor apply" in capsys.readouterr().err


def test_the_module_is_cheap_to_import() -> None:
    """Nothing of Google's, paho's or pydantic's comes with it: `conductor --help` imports it."""
    text = "import sys; import director.desk.commands; print({'google.auth', 'paho', 'pydantic'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
