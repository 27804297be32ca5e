"""Recorded messages, sent again as if they were measured now."""

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.demo.schedule import Planned

RECORDED = Path(__file__).parents[1] / "environment" / "telemetry.jsonl.gz"
_TIME = re.compile(rb'"ts":[0-9.eE+-]+')


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded message around its time."""

    before: bytes
    after: bytes

    def at(self, ts: float) -> bytes:
        """The message with time `ts`, in Unix seconds; every other byte as it was recorded."""
        return b'%b"ts":%b%b' % (self.before, repr(ts).encode(), self.after)


def recordings(path: Path = RECORDED) -> list[Recording]:
    with gzip.open(path) as lines:
        return [_recording(line.rstrip(b"\n")) for line in lines]


def payload(planned: Planned, due: float, recorded: Sequence[Recording]) -> bytes:
    """What the device sends: due at `due`, in Unix seconds."""
    whole = recorded[planned.serial % len(recorded)].at(due - planned.hours_late * 3600)
    if planned.kind == "truncated":
        return whole[: len(whole) // 2]
    if planned.kind == "binary":
        return b"\xff\xfe" + whole  # no UTF-8 text starts like this
    return whole


def _recording(line: bytes) -> Recording:
    time = _TIME.search(line)
    if time is None:
        raise ValueError(f"a recorded message without a time: {line[:100]!r}")
    return Recording(line[: time.start()], line[time.end() :])
