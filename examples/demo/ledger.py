"""What the fleet has delivered, on disk: the truth the sinks are compared with, and where a killed fleet goes on.

The first line is a JSON object about the run. Each further line is a JSON list about one message that the broker took
over: serial, id, kind, time due, time acknowledged (Unix seconds). A serial occurs again where it was sent again.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples.demo.schedule import Kind, Plan


@dataclass(frozen=True, slots=True)
class Run:
    """One journey of the fleet: message ids start with `name`, offsets count from `start` (Unix seconds)."""

    name: str
    start: float
    plan: Plan


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message of which the broker said that it has it."""

    serial: int
    id: str
    kind: Kind
    due: float
    acknowledged: float


class Ledger:
    """The fleet's own, open for writing. Continues a ledger that is there, with the run written in it.

    Raises ValueError when the ledger there is of another plan.
    """

    def __init__(self, path: Path, run: Run) -> None:
        _cut_torn_line(path)
        reader = LedgerReader(path)
        self.delivered = {entry.serial for entry in reader.read()}
        if reader.run and reader.run.plan != run.plan:
            raise ValueError(f"{path} is the ledger of another plan, {reader.run.plan}: choose another file")
        self.run = reader.run or run
        self._file = path.open("ab")
        if reader.run is None:
            self._file.write(json.dumps(asdict(run)).encode() + b"\n")
            self._file.flush()

    def write(self, entry: Delivered) -> None:
        self.delivered.add(entry.serial)
        self._file.write(
            b'[%d,"%b","%b",%.6f,%.6f]\n'
            % (entry.serial, entry.id.encode(), entry.kind.encode(), entry.due, entry.acknowledged)
        )

    def flush(self) -> None:
        """To the operating system: there again after kill -9."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class LedgerReader:
    """Follows a ledger while it grows, from another process too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self.run: Run | None = None

    def read(self) -> Iterator[Delivered]:
        """What has been written since the last call; a line still being written waits for the next."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            content = json.loads(line)
            if isinstance(content, dict):
                self.run = _run(content)
            else:
                yield Delivered(*content)


def _run(content: dict[str, Any]) -> Run:
    return Run(content["name"], content["start"], Plan(**content["plan"]))


def _cut_torn_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
