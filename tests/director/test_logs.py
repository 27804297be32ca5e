"""One line a record, in the form its reader wants, with nothing forged in it and nothing secret."""

import io
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from director import logs
from director.logs import JsonLines, Sparing, TextLines, formatter, secret


def record(message: str, *args: Any, level: int = logging.INFO, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("bridge.relay", level, "/srv/relay.py", 17, message, args, None, "received")
    made.__dict__.update(more)
    return made


def raised(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except Exception:
        made = record("failed", level=logging.ERROR)
        made.exc_info = sys.exc_info()
        return made


def as_json(given: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines("bridge").format(given)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_json_line_has_the_fields_cloud_logging_knows() -> None:
    line = as_json(record("took %d", 3, level=logging.WARNING))
    assert (line["severity"], line["message"], line["logger"], line["service"]) == (
        "WARNING",
        "took 3",
        "bridge.relay",
        "bridge",
    )
    assert line["time"].endswith("Z")
    assert line["logging.googleapis.com/sourceLocation"] == {
        "file": "/srv/relay.py",
        "line": "17",
        "function": "received",
    }
    assert "exception" not in line


def test_extra_fields_keep_their_types_and_take_no_fixed_name() -> None:
    line = as_json(record("x", seconds=1.5, route="up", severity="forged", far=float("inf"), many=[1, {"a": None}]))
    assert (line["seconds"], line["route"], line["many"]) == (1.5, "up", [1, {"a": None}])
    assert (line["severity"], line["severity_"], line["far"]) == ("INFO", "forged", "inf")


def test_an_exception_is_a_field_of_the_object_and_stands_indented_on_a_terminal() -> None:
    error = raised(ValueError("bad\n2026-01-01 INFO forged"))
    assert "ValueError: bad" in as_json(error)["exception"]
    first, *trace = TextLines().format(error).splitlines()
    assert first.endswith("ERROR bridge.relay: failed")
    assert all(line.startswith("    ") for line in trace)


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\x9b", "\u2028", "\u202e", "\x7f"])
def test_a_control_character_is_spelled_out(character: str) -> None:
    line = TextLines().format(record("topic %s", f"a{character}b", field=f"c{character}d"))
    assert character not in line
    assert line.isprintable()
    assert "topic a\\" in line
    assert "field=c\\" in line


def test_a_secret_shows_in_no_spelling_and_no_part_of_a_line() -> None:
    canary = 'c4nary"&\n/läng'
    secret(canary)
    spellings = [canary, repr(canary), json.dumps(canary), "c4nary%22%26%0A%2Fl%C3%A4ng", "YzRuYXJ5IiYKL2zDpG5n"]
    error = raised(ValueError(canary))
    error.msg, error.args = "%s", (" ".join(spellings),)
    error.__dict__["field"] = {canary: [canary]}
    for line in (TextLines().format(error), JsonLines("bridge").format(error)):
        assert "c4nary" not in line
        assert "YzRu" not in line
        assert "***" in line


def test_a_secret_across_the_cut_of_a_long_line_is_masked_too() -> None:
    secret("long-canary-value")
    line = as_json(record("%s", "x" * (logs.LONGEST_TEXT - 5) + "long-canary-value" + "y" * 100_000))
    assert "long" not in line["message"]
    assert len(line["message"]) < logs.LONGEST_TEXT + 100


def test_a_secret_of_a_letter_or_two_does_not_riddle_every_line() -> None:
    secret("e")
    assert as_json(record("received"))["message"] == "received"


def test_a_line_whose_format_does_not_fit_is_written_all_the_same() -> None:
    assert as_json(record("%d messages", "many"))["message"] == "'%d messages' with ('many',)"


def test_the_form_follows_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("K_SERVICE", raising=False)
    assert isinstance(formatter("bridge", "auto", Terminal()), TextLines)
    assert isinstance(formatter("bridge", "auto", io.StringIO()), JsonLines)
    assert isinstance(formatter("bridge", "text", io.StringIO()), TextLines)
    monkeypatch.setenv("K_SERVICE", "bridge")
    assert isinstance(formatter("bridge", "auto", Terminal()), JsonLines)


class Lines:
    """A sparing handler whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self._stream = io.StringIO()
        self.handler = Sparing(self._stream, lambda: self.now)

    def say(self, message: str, line: int = 1, level: int = logging.WARNING) -> None:
        made = record(message, level=level)
        made.lineno = line
        self.handler.handle(made)

    @property
    def written(self) -> list[str]:
        return self._stream.getvalue().splitlines()


def test_what_is_said_over_and_over_is_written_ten_times_and_then_counted() -> None:
    lines = Lines()
    for number in range(50):
        lines.say(f"again {number}")
    lines.say("something else", line=2)
    assert lines.written == [*(f"again {number}" for number in range(10)), "something else"]
    lines.now = 10.0
    lines.say("something else", line=2)
    assert lines.written[11:] == ["40 more like this were left out, the last one: again 49", "something else"]


def test_what_was_left_out_is_told_at_the_end_and_critical_lines_never_are() -> None:
    lines = Lines()
    for _ in range(12):
        lines.say("leaving", level=logging.CRITICAL)
        lines.say("again", line=2)
    assert lines.written.count("leaving") == 12
    lines.handler.close()
    assert lines.written[-1] == "2 more like this were left out, the last one: again"


PROGRAM = """
import logging, sys, threading, warnings
from director import logs
logs.configure("bridge", "json")
logging.getLogger("some").info("hello", extra={"messages": 3})
logging.getLogger("some").debug("not this")
warnings.warn("careful")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("the end")
"""


def test_warnings_and_what_ends_threads_and_process_are_lines_too() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["severity"] for line in lines] == ["INFO", "WARNING", "CRITICAL", "CRITICAL"]
    assert lines[0]["messages"] == 3
    assert "careful" in lines[1]["message"]
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert "the end" in lines[3]["exception"]
    assert done.returncode == 1
