"""The configuration a service got last, in a file of its own, for a start while no director answers. PUBLIC, light."""

import json
import os
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from director.client import Configuration

HOURS = 72.0  # how old a configuration may be, unless told otherwise


@dataclass(frozen=True, slots=True)
class Kept:
    """`at` is when the director gave it: RFC 3339."""

    configuration: Configuration
    at: str


class LastGood:
    """A file that only its user may read, replaced whole. The configuration in it holds no secret, but much else."""

    def __init__(self, path: Path, hours: float = HOURS, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._hours = hours
        self._clock = clock

    def keep(self, configuration: Configuration) -> None:
        """Raises OSError; then what was kept before is there still."""
        text = json.dumps({"at": self._clock(), **asdict(configuration)})
        handle, written = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")  # with mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(written).replace(self._path)
        except BaseException:
            Path(written).unlink(missing_ok=True)
            raise

    def read(self, dataflow: str, service: str) -> Kept:
        """Raises OSError, with what to do, for one that is not there, too old, another service's, or open to others."""
        with self._path.open("rb") as file:
            self._check_private(os.fstat(file.fileno()))
            text = file.read()
        try:
            kept = json.loads(text)
            at = float(kept.pop("at"))
            configuration = Configuration(**{**kept, "config": dict(kept["config"])})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise OSError(f"{self._path} is not what was written there; remove it") from error
        if (configuration.dataflow, configuration.service) != (dataflow, service):
            whose = f"{configuration.dataflow}/{configuration.service}"
            raise OSError(f"{self._path} is of {whose}; give each service a file of its own")
        hours = (self._clock() - at) / 3600
        if not 0 <= hours <= self._hours:
            raise OSError(f"{self._path} is {hours:.1f} hours old, and {self._hours:g} are allowed")
        return Kept(configuration, datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))

    def _check_private(self, found: os.stat_result) -> None:
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise OSError(f"{self._path} can be changed or read by others; make it yours alone (chmod 600)")
