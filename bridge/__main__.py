"""The bridge as a process: read the configuration, wire the parts, run until SIGTERM.

Exit codes: 0 stopped, 2 bad input, 3 the session was taken over, 4 no longer live.
"""

import argparse
import logging
import secrets
import signal
import sys
import threading
from pathlib import Path

from bridge.config import BridgeConfig, configuration
from bridge.errors import TakenOver
from bridge.health import HealthServer
from bridge.metrics import Metrics
from bridge.mqtt import MqttSource
from bridge.pubsub import Publisher
from bridge.relay import Relay
from bridge.routing import TopicFilter
from bridge.wrapper import Wrapper
from director.client import DirectorClient, DirectorError
from director.endpoints import channel
from director.strict import DocumentError, Source, parsed, read

log = logging.getLogger("bridge")

DRAIN_SECONDS = 8.0  # Cloud Run grants about ten between SIGTERM and SIGKILL
OK, BAD_INPUT, SESSION_TAKEN_OVER, NOT_LIVE = 0, 2, 3, 4


class Bridge:
    """All parts of one bridge, wired."""

    def __init__(self, config: BridgeConfig, health_port: int) -> None:
        metrics = Metrics()
        self._publisher = Publisher(channel("pubsub"), config.publishing.deadline_seconds)
        wrapper = Wrapper(config, run=secrets.token_hex(8))
        self._relay = Relay(wrapper, self._publisher, config.publishing, metrics)
        filters = [TopicFilter.parse(route.filter).mqtt for route in config.routes.values()]
        self.source = MqttSource(config.broker, filters, self._relay)
        self._relay.acknowledge = self.source.acknowledge
        metrics.gauge("bridge_in_flight", "Messages taken and not ended.", lambda: self._relay.in_flight)
        metrics.gauge(
            "bridge_sessions_lost", "Times the broker had lost the session.", lambda: self.source.session_lost
        )
        metrics.gauge("bridge_publish_retries", "Publishes tried again.", lambda: self._publisher.retries)
        self.health = HealthServer(health_port, self._not_live, self._not_ready, metrics.registry)

    def run(self, stop: threading.Event) -> int:
        """Until `stop`, or until this bridge can do no more."""
        self.health.start()
        self.source.start()
        log.info("bridge started, health on port %d", self.health.port)
        while not stop.wait(0.5):
            if self.source.taken_over.is_set():
                raise TakenOver("another client uses our client id: give each running bridge its own")
            reason = self._not_live()
            if reason and not self.source.taken_over.is_set():
                log.critical("%s: leaving, so that a supervisor starts anew", reason)
                return NOT_LIVE
        return self._stop()

    def _stop(self) -> int:
        drained = self._relay.drain(DRAIN_SECONDS)
        self.source.stop()
        self._publisher.close()
        if not drained:
            log.warning("stopped with %d messages unacknowledged: the broker keeps them", self._relay.in_flight)
        self.health.stop()
        return OK

    def _not_live(self) -> str | None:
        if not self.source.alive:
            return "the network thread is dead"
        return "lost track of a publish, see the log" if self._publisher.broken else None

    def _not_ready(self) -> str | None:
        return self._not_live() or self.source.problem or self._publisher.fault


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = configuration(_document(arguments))
        bridge = Bridge(config, arguments.health_port)
    except (DocumentError, DirectorError, OSError) as error:
        print(f"bridge: {error}" if not isinstance(error, DocumentError) else error, file=sys.stderr)
        return BAD_INPUT
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        return bridge.run(stop)
    except TakenOver as error:
        print(f"bridge: {error}", file=sys.stderr)
        return SESSION_TAKEN_OVER


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bridge", description="MQTT in, Pub/Sub out, nothing lost.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--director_url", help="the director that has this bridge's configuration")
    where.add_argument("--config", type=Path, help="a YAML file with the configuration, instead of a director")
    parser.add_argument("--dataflow", default="environment", help="the dataflow this bridge serves")
    parser.add_argument("--service", default="bridge", help="this bridge's name in the dataflow")
    parser.add_argument("--broker_url", help="overrides broker.url")
    parser.add_argument("--health_port", type=int, default=8080, help="/livez, /readyz, /metrics on loopback")
    return parser.parse_args()


def _document(arguments: argparse.Namespace) -> Source:
    source = read(arguments.config) if arguments.config else _from_director(arguments)
    broker = source.data.get("broker") if isinstance(source.data, dict) else None
    if arguments.broker_url and isinstance(broker, dict):
        broker["url"] = arguments.broker_url
    return source


def _from_director(arguments: argparse.Namespace) -> Source:
    """Waits, within the client's budget, until all resources this bridge is linked to are there."""
    answer = DirectorClient(arguments.director_url).register(arguments.dataflow, arguments.service)
    return parsed(answer.config, f"{arguments.director_url}: {arguments.service}")


if __name__ == "__main__":
    sys.exit(main())
