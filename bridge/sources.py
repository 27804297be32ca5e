"""Where a bridge's configuration comes from, at start and later: a file, or a director."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from director.client import Configuration, DirectorClient
from director.strict import Source, parsed, read

FILE_SECONDS, DIRECTOR_SECONDS = 2.0, 30.0  # between looks
PATIENCE = 5.0  # seconds to go on trying a director that does not answer, where nothing depends on it


class Origin(Protocol):
    """Where documents come from. `seconds` lie between two looks for a new one; None: nobody looks."""

    @property
    def seconds(self) -> float | None: ...
    def read(self) -> Source:
        """The document as it is now. Raises DocumentError, DirectorError, OSError."""

    def changed(self) -> bool:
        """Whether there is another one than was read last. Raises DirectorError."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--director_url", help="the director that has this bridge's configuration")
    where.add_argument("--config", type=Path, help="a YAML file with the configuration, instead of a director")
    parser.add_argument("--dataflow", default="environment", help="the dataflow this bridge serves")
    parser.add_argument("--service", default="bridge", help="this bridge's name in the dataflow")
    parser.add_argument("--broker_url", help="overrides broker.url")


def add_reload_arguments(parser: argparse.ArgumentParser) -> None:
    about = "how often the director is asked for a new configuration; 0 asks at SIGHUP only (default: 30)"
    parser.add_argument("--reload_seconds", type=_seconds, default=DIRECTOR_SECONDS, metavar="SECONDS", help=about)


def document(arguments: argparse.Namespace) -> Source:
    """As it is now, whether or not the bridge could start with it. Raises DocumentError, DirectorError."""
    if arguments.config:
        return FileOrigin(arguments.config, arguments.broker_url).read()
    client = DirectorClient(arguments.director_url, budget=PATIENCE)
    return _told(client.configuration(arguments.dataflow, arguments.service), arguments.broker_url)


def origin(arguments: argparse.Namespace) -> Origin:
    """Raises DirectorError where the director's address is none."""
    if arguments.config:
        return FileOrigin(arguments.config, arguments.broker_url)
    starting, later = DirectorClient(arguments.director_url), DirectorClient(arguments.director_url, budget=PATIENCE)
    names = arguments.dataflow, arguments.service
    return DirectorOrigin(starting, later, names, arguments.broker_url, arguments.reload_seconds or None)


class FileOrigin:
    """A file. What is written there counts as changed once it is the same at two looks: nobody writes at it still."""

    seconds = FILE_SECONDS

    def __init__(self, path: Path, broker_url: str | None = None) -> None:
        self._path = path
        self._broker_url = broker_url
        self._read: bytes | str = b""
        self._looked_at: bytes | str = b""

    def read(self) -> Source:
        self._read = self._content()
        return _pointed(read(self._path), self._broker_url)

    def changed(self) -> bool:
        before, self._looked_at = self._looked_at, self._content()
        return self._looked_at == before and self._looked_at != self._read

    def _content(self) -> bytes | str:
        """The bytes of the file, or why there are none."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            return str(error.strerror or error)


class DirectorOrigin:
    """A director. A configuration is taken once all resources that the bridge is linked to are there.

    The first time is worth waiting for them, with `starting`; `later` there is a configuration to go on with.
    """

    def __init__(
        self,
        starting: DirectorClient,
        later: DirectorClient,
        names: tuple[str, str],
        broker_url: str | None,
        seconds: float | None,
    ) -> None:
        self._client = starting
        self._later = later
        self._names = names
        self._broker_url = broker_url
        self._read: Mapping[str, Any] = {}
        self.seconds = seconds

    def read(self) -> Source:
        answer = self._client.register(*self._names)
        self._client = self._later
        self._read = answer.config
        return _told(answer, self._broker_url)

    def changed(self) -> bool:
        return self._client.configuration(*self._names).config != self._read


def _told(answer: Configuration, broker_url: str | None) -> Source:
    return _pointed(parsed(answer.config, f"the director's configuration of {answer.service}"), broker_url)


def _pointed(source: Source, broker_url: str | None) -> Source:
    """The document, with another address of the broker where one was given on the command line."""
    broker = source.data.get("broker") if isinstance(source.data, dict) else None
    if broker_url and isinstance(broker, dict):
        broker["url"] = broker_url
    return source


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds != 0 and not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("write 0, or 1 to 86400 seconds")
    return seconds
