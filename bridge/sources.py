"""Where a bridge's configuration comes from, at start and later: a file, or a director."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bridge.watch import Watch
from director import starting
from director.client import DirectorClient
from director.starting import Ways
from director.strict import Source, read

FILE_SECONDS, DIRECTOR_SECONDS = 2.0, 30.0  # between looks
PATIENCE = 5.0  # seconds to go on trying a director that does not answer, where nothing depends on it


NO_OTHER = Ways()


class Origin(Protocol):
    """Where documents come from. `seconds` lie between two looks for a new one; None: nobody looks."""

    @property
    def seconds(self) -> float | None: ...
    @property
    def remark(self) -> str | None:
        """What somebody should know of where the document came from, without its words."""

    def read(self) -> Source:
        """The document as it is now. Raises DocumentError, DirectorError, OSError."""

    def changed(self) -> bool:
        """Whether there is another one than was read last. Raises DirectorError."""

    def watch(self, look: Callable[[], None]) -> None:
        """From now on calls `look`, on another thread, when there may be another one; where it can know."""

    def close(self) -> None: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--director_url", help="the director that has this bridge's configuration")
    where.add_argument("--config", type=Path, help="a YAML file with the configuration, instead of a director")
    parser.add_argument("--dataflow", default="environment", help="the dataflow this bridge serves")
    parser.add_argument("--service", default="bridge", help="this bridge's name in the dataflow")
    parser.add_argument("--broker_url", help="overrides broker.url")


def add_reload_arguments(parser: argparse.ArgumentParser) -> None:
    starting.add_arguments(parser)
    about = "how often the director is asked for a new configuration; 0 asks at SIGHUP only (default: 30)"
    parser.add_argument("--reload_seconds", type=_seconds, default=DIRECTOR_SECONDS, metavar="SECONDS", help=about)


def document(arguments: argparse.Namespace) -> Source:
    """As it is now, whether or not the bridge could start with it. Raises DocumentError, DirectorError."""
    if arguments.config:
        return FileOrigin(arguments.config, arguments.broker_url).read()
    client = DirectorClient(arguments.director_url, budget=PATIENCE)
    found = client.configuration(arguments.dataflow, arguments.service)
    return _pointed(starting.document(found), arguments.broker_url)


def origin(arguments: argparse.Namespace) -> Origin:
    """Raises DirectorError where the director's address is none, OSError for options that contradict each other."""
    if arguments.config:
        starting.check_unused(arguments)
        return FileOrigin(arguments.config, arguments.broker_url)
    url = arguments.director_url
    clients = Clients(DirectorClient(url), DirectorClient(url, budget=PATIENCE), DirectorClient(url, budget=PATIENCE))
    names = arguments.dataflow, arguments.service
    seconds = arguments.reload_seconds or None
    return DirectorOrigin(clients, names, arguments.broker_url, seconds, starting.ways(arguments))


class FileOrigin:
    """A file. What is written there counts as changed once it is the same at two looks: nobody writes at it still."""

    seconds = FILE_SECONDS
    remark = None

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

    def watch(self, look: Callable[[], None]) -> None:
        """A file tells nobody; it is looked at often."""

    def close(self) -> None:
        """Nothing is held open."""

    def _content(self) -> bytes | str:
        """The bytes of the file, or why there are none."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            return str(error.strerror or error)


@dataclass(frozen=True, slots=True)
class Clients:
    """One for each need: the first time is worth waiting for, `later` there is a configuration to go on with.

    None is shared between threads.
    """

    starting: DirectorClient
    later: DirectorClient
    watching: DirectorClient


class DirectorOrigin:
    """A director. A configuration is taken once all resources that the bridge is linked to are there."""

    def __init__(
        self,
        clients: Clients,
        names: tuple[str, str],
        broker_url: str | None,
        seconds: float | None,
        ways: Ways = NO_OTHER,
    ) -> None:
        self._clients = clients
        self._names = names
        self._broker_url = broker_url
        self._ways = ways
        self._read: Mapping[str, Any] | None = None
        self._watch: Watch | None = None
        self.seconds = seconds
        self.remark: str | None = None

    def read(self) -> Source:
        """Where it is the first time and the director does not answer, from where the command line says."""
        if self._read is None:
            started = starting.start(self._clients.starting, *self._names, self._ways)
            self.remark = started.remark
            self._read = started.configuration.config if started.configuration and not started.remark else {}
            return _pointed(started.source, self._broker_url)
        answer = self._clients.later.register(*self._names)
        self._read, self.remark = answer.config, None
        starting.keep(answer, self._ways)
        return _pointed(starting.document(answer), self._broker_url)

    def changed(self) -> bool:
        return self._clients.later.configuration(*self._names).config != self._read

    def watch(self, look: Callable[[], None]) -> None:
        """Only where it is asked at intervals as well."""
        if self.seconds is not None:
            self._watch = Watch(lambda: self._clients.watching.watch(*self._names), look)
            self._watch.start()

    def close(self) -> None:
        if self._watch is not None:
            self._watch.stop()


def _pointed(source: Source, broker_url: str | None) -> Source:
    """The document, with another address of the broker where one was given on the command line."""
    broker = source.data.get("broker") if isinstance(source.data, dict) else None
    if broker_url and isinstance(broker, dict):
        broker["url"] = broker_url
    return source


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if seconds != 0 and not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("write 0, or 1 to 86400 seconds")
    return seconds
