"""Logs of every process: lines to read on a terminal, JSON objects on the cloud. PUBLIC, light: standard library only.

    logs.add_arguments(parser)                                 # --log_format, --log_level
    logs.configure("bridge", arguments.log_format, arguments.log_level)
    logs.secret(password)                                      # shown as *** from here on, wherever it turns up
    log.warning("a slow answer", extra={"seconds": 3.2})       # a field of the object, ` seconds=3.2` on a terminal

A JSON line holds `severity`, `time`, `message` and `logging.googleapis.com/sourceLocation` as Cloud Logging knows them
(https://cloud.google.com/logging/docs/structured-logging), `exception` as Error Reporting looks for it, `logger`,
`service`, and the fields given as `extra`. A line that comes again and again is written a few times, then counted.
"""

import argparse
import base64
import copy
import json
import logging
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO
from urllib.parse import quote

Form = Literal["auto", "text", "json"]
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LONGEST_TEXT = 16_000  # characters; Cloud Logging takes 256 KiB an entry
SHORTEST_SECRET = 4  # characters: masking less would only make a riddle of every line
MOST_LINES, WINDOW_SECONDS = 10, 10.0  # of one place in the code

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    about = "text for people, json for log collectors; auto is text on a terminal and json elsewhere (default: auto)"
    parser.add_argument("--log_format", choices=("auto", "text", "json"), default="auto", help=about)
    parser.add_argument("--log_level", choices=LEVELS, default="INFO", help="(default: INFO)")


def configure(service: str, form: Form = "auto", level: str = "INFO") -> None:
    """Everything this process logs or warns of, and what ends its threads, goes to standard error in one form."""
    handler = Sparing(sys.stderr)
    handler.setFormatter(formatter(service, form, sys.stderr))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda end: _uncaught(end.exc_type, end.exc_value, end.exc_traceback)


def formatter(service: str, form: Form, stream: TextIO) -> logging.Formatter:
    if form == "auto":
        form = "json" if os.environ.get("K_SERVICE") or not stream.isatty() else "text"
    return JsonLines(service) if form == "json" else TextLines()


def secret(value: str) -> None:
    """A value no line may show, nor its JSON, URL or base64 spelling. Shorter than four characters it is not masked."""
    _secrets.add(value)


class TextLines(logging.Formatter):
    """One line a record, whatever a message holds; a traceback stands indented below it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        moment = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "milliseconds")
        line = _printable(f"{moment} {record.levelname} {record.name}: {_message(record)}{fields}")
        trace = _exception(record)
        return line + "".join(f"\n    {_printable(part)}" for part in trace.splitlines()) if trace else line


class JsonLines(logging.Formatter):
    """One JSON object a record."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        fixed = {
            "severity": record.levelname if record.levelname in LEVELS else "DEFAULT",
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
            "message": _message(record),
            "logger": record.name,
            "service": self._service,
            "logging.googleapis.com/sourceLocation": {
                "file": record.pathname,
                "line": str(record.lineno),
                "function": record.funcName,
            },
        }
        trace = _exception(record)
        if trace:
            fixed["exception"] = trace
        fields = {f"{name}_" if name in fixed else name: value for name, value in _fields(record).items()}
        return json.dumps(fixed | fields)


class Sparing(logging.StreamHandler[TextIO]):
    """Of many lines from one place in the code it writes the first ten in ten seconds, then how many it left out."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._windows: dict[tuple[str, int], _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        self._settle(now)
        window = self._windows.setdefault((record.pathname, record.lineno), _Window(now))
        if window.lines < MOST_LINES or record.levelno >= logging.CRITICAL:
            window.lines += 1
            super().emit(record)
        else:
            window.left_out += 1
            window.last = record

    def close(self) -> None:
        self._settle(math.inf)
        super().close()

    def _settle(self, now: float) -> None:
        for place in [place for place, window in self._windows.items() if window.opened + WINDOW_SECONDS <= now]:
            window = self._windows.pop(place)
            if window.last is not None:
                super().emit(_summary(window.last, window.left_out))


class _Window:
    """What one place in the code has said since `opened`."""

    def __init__(self, opened: float) -> None:
        self.opened = opened
        self.lines = 0
        self.left_out = 0
        self.last: logging.LogRecord | None = None


def _summary(last: logging.LogRecord, left_out: int) -> logging.LogRecord:
    record = copy.copy(last)
    record.msg, record.args = "%d more like this were left out, the last one: %s", (left_out, _message(last))
    record.exc_info = record.exc_text = None
    return record


class _Secrets:
    """Values to mask. The pattern is replaced whole, so that reading it needs no lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        value = value.strip()
        if len(value) < SHORTEST_SECRET:
            return
        encoded = base64.b64encode(value.encode()).decode()
        with self._lock:
            self._spellings |= {value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), encoded}
            longest_first = sorted(self._spellings, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def masked(self, text: str) -> str:
        pattern = self._pattern
        return pattern.sub("***", text) if pattern else text


_secrets = _Secrets()
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # a format that does not fit its arguments: a bug of the caller, whose line must not get lost
        text = f"{record.msg!r} with {record.args!r}"
    return _shown(text)


def _exception(record: logging.LogRecord) -> str:
    trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else record.exc_text or ""
    stack = f"\n{record.stack_info}" if record.stack_info else ""
    return _shown(trace + stack)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _value(value) for name, value in record.__dict__.items() if name not in _STANDARD}


def _value(value: Any) -> Any:
    """`value` as JSON can carry it, with nothing secret in it."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {_shown(str(name)): _value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    return _shown(str(value))


def _shown(text: str) -> str:
    """Masked whole, then cut: a secret cut in two would be shown."""
    text = _secrets.masked(text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}... ({len(text)} characters)"


def _printable(text: str) -> str:
    """On one line and without control characters: a message can forge no other line and give a terminal no orders."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical("ended by an error nobody expected", exc_info=(kind, error or kind(), trace))
