"""The bridge as a process: wire the parts, run until SIGTERM."""

import argparse
import logging
import secrets
import signal
import threading

from bridge.config import BridgeConfig, configuration
from bridge.errors import TakenOver
from bridge.health import HealthServer
from bridge.metrics import Metrics
from bridge.mqtt import MqttSource
from bridge.pubsub import Publisher
from bridge.relay import Relay
from bridge.routing import TopicFilter
from bridge.sources import document
from bridge.wrapper import Wrapper
from director.endpoints import channel

log = logging.getLogger(__name__)

DRAIN_SECONDS = 8.0  # Cloud Run grants about ten between SIGTERM and SIGKILL
OK, NOT_LIVE = 0, 4


def run(arguments: argparse.Namespace) -> int:
    """`python -m bridge run`. Raises DocumentError, DirectorError, OSError, TakenOver."""
    bridge = Bridge(configuration(document(arguments)), arguments.health_port)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return bridge.run(stop)


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
