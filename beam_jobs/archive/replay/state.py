"""How far a replay has come, on disk: what it is, then a line for each batch once its messages are confirmed.

A batch that was sent but not recorded is sent once more by whoever resumes; nothing that is recorded is sent again.
"""

import fcntl
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from beam_jobs.archive.manifest import Entry

VERSION = 1


@dataclass(slots=True)
class Tally:
    """What became of an object's lines; of those that are `done`, what was neither published nor failed was skipped."""

    done: int = 0
    published: int = 0
    failed: int = 0
    ended: bool = False
    damage: str = ""

    @property
    def skipped(self) -> int:
        return self.done - self.published - self.failed


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a state says."""

    spec: Mapping[str, Any]
    entries: Sequence[Entry]
    tallies: dict[int, Tally]  # by the number of the entry
    position: int  # of the target


class State:
    """An open state file, which no other process can use meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @classmethod
    def create(cls, path: Path, spec: Mapping[str, Any], entries: Iterable[Entry]) -> Self:
        """Raises OSError where there is a state, or the place cannot be written to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(path, "ab+")
        file.seek(0)
        if file.readline().endswith(b"\n"):
            file.close()
            raise FileExistsError(f"{path}: this replay was begun; --resume goes on with it, or choose another id")
        file.truncate(0)  # somebody died over the first line, before anything was sent
        made = cls(file)
        made._write({"v": VERSION, "spec": spec, "entries": [asdict(one) for one in entries]})
        return made

    @classmethod
    def resume(cls, path: Path) -> tuple[Self, Resumed]:
        """Raises OSError where there is none, or none that can be used."""
        file = _locked(path, "rb+")
        whole = b""
        tallies: dict[int, Tally] = {}
        position = end = 0
        try:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # somebody died over it: its batch goes again
                end += len(line)
                if not whole:
                    whole = line
                    continue
                record = orjson.loads(line)
                tallies |= {int(number): Tally(*facts) for number, facts in record["objects"].items()}
                position = record["position"]
            header = orjson.loads(whole or b"{}")
            if header.get("v") != VERSION:
                raise ValueError(f"it is not of version {VERSION}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            file.close()
            raise OSError(f"{path} is no state of a replay: {error}; begin a new one") from error
        file.seek(end)
        file.truncate()
        entries = [Entry(**(one | {"replaces": tuple(one["replaces"])})) for one in header["entries"]]
        return cls(file), Resumed(header["spec"], entries, tallies, position)

    def record(self, tallies: Mapping[int, Tally], position: int) -> None:
        """What is so now of these objects; on disk when it returns."""
        facts = {str(number): list(asdict(one).values()) for number, one in tallies.items()}
        self._write({"position": position, "objects": facts})

    def close(self) -> None:
        self._file.close()

    def _write(self, document: Any) -> None:
        self._file.write(orjson.dumps(document) + b"\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())


def _locked(path: Path, mode: str) -> BinaryIO:
    file = path.open(mode)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise OSError(f"{path}: this replay is running already") from error
    return file  # type: ignore[return-value]
