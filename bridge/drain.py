"""Takes one bridge out of service without leaving a message behind.

It connects as that bridge, ends its subscriptions, publishes what the broker still has for it, and when nothing has
come for a while ends the session. After that the broker has nothing that only this bridge could get.
"""

import argparse
import logging
import secrets
import signal
import threading
import time
from functools import partial

from bridge import sources
from bridge.config import BridgeConfig, configuration
from bridge.errors import TakenOver
from bridge.later import Later
from bridge.metrics import Metrics
from bridge.mqtt.session import MqttSource
from bridge.pubsub import Publisher
from bridge.relay import Relay
from bridge.wrapper import Wrapper
from director.endpoints import channel

log = logging.getLogger(__name__)

QUIET_SECONDS = 5.0
LOOK_SECONDS = 0.1
# A bridge that still runs takes the session back some times before it gives in. We are to outlast it.
SIGNS_OF_TAKEOVER = 12
DRAINED, NOT_DRAINED, NOT_LIVE = 0, 1, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sources.add_arguments(parser)
    parser.add_argument("--ordinal", type=int, help="which bridge of broker.shared (default: ends the host name)")
    about = f"for how long nothing may come before the session is ended (default: {QUIET_SECONDS:g})"
    parser.add_argument("--quiet_seconds", type=float, default=QUIET_SECONDS, metavar="SECONDS", help=about)


def drain(arguments: argparse.Namespace) -> int:
    """`python -m bridge drain`. Raises DocumentError, DirectorError, OSError, TakenOver."""
    draining = Drain(configuration(sources.document(arguments)), arguments.ordinal)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    code = draining.run(arguments.quiet_seconds, stop)
    ended = {DRAINED: "its session is ended", NOT_DRAINED: "stopped, its session is kept"}
    print(f"{draining.drained} messages drained of {draining.client_id}; {ended.get(code, 'failed, see the log')}")
    return code


class Drain:
    """One draining bridge, wired: all parts but routes that subscribe."""

    def __init__(self, config: BridgeConfig, ordinal: int | None) -> None:
        deadline = config.publishing.deadline_seconds
        self._metrics = Metrics()
        self._later = Later()
        self._publisher = Publisher(partial(channel, "pubsub"), deadline, self._later, self._metrics)
        wrapper = Wrapper(config, secrets.token_hex(8))
        window = config.broker.receive_maximum
        self._relay = Relay(wrapper, self._publisher, config.publishing, window, self._metrics, self._later)
        self._source = MqttSource(
            config.broker, [], self._relay, ordinal, gone=config.subscriptions, signs_of_takeover=SIGNS_OF_TAKEOVER
        )
        self._relay.acknowledge = self._source.acknowledge

    @property
    def client_id(self) -> str:
        return self._source.client_id

    @property
    def drained(self) -> int:
        """Messages that Pub/Sub has, dead letters included."""
        return self._count("published") + self._count("dead_lettered")

    def run(self, quiet_seconds: float, stop: threading.Event) -> int:
        """Until nothing has come for so long; or until `stop`, or until this can do no more."""
        self._source.start()
        code = NOT_LIVE
        try:
            code = self._until_quiet(quiet_seconds, stop)
        finally:
            self._source.stop(end_session=code == DRAINED)
            self._later.close()
            self._publisher.close()
        return code

    def _until_quiet(self, quiet_seconds: float, stop: threading.Event) -> int:
        quiet_since = time.monotonic()
        seen, told = (-1, -1), None
        while not stop.wait(LOOK_SECONDS):
            if self._source.taken_over.is_set():
                raise TakenOver("a bridge with this client id is running and took the session: stop it first")
            if not self._source.alive or self._publisher.broken:
                log.critical("the drain can do no more, see above")
                return NOT_LIVE
            now = self._source.connections, self._count("received")
            if now != seen or self._relay.in_flight or not self._source.settled:
                quiet_since, seen = time.monotonic(), now
            elif time.monotonic() - quiet_since >= quiet_seconds:
                return DRAINED
            hindrance = self._publisher.fault or self._source.problem
            if hindrance and hindrance != told:
                log.error("not drained yet: %s", hindrance)
            told = hindrance
        return NOT_DRAINED

    def _count(self, name: str) -> int:
        return int(self._metrics.registry.get_sample_value(f"bridge_{name}_total") or 0)
