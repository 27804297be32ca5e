"""The bridge as a process: wire the parts, run until SIGTERM.

SIGTERM and SIGINT end it cleanly; a second one ends it at once. SIGHUP reads the configuration again.
"""

import argparse
import gc
import logging
import secrets
import signal
import time
from functools import partial
from queue import Empty, SimpleQueue

from bridge import descriptors, sources
from bridge.config import BridgeConfig, configuration
from bridge.errors import TakenOver
from bridge.health import HealthServer
from bridge.later import Later
from bridge.metrics import Metrics
from bridge.mqtt.session import MqttSource
from bridge.pubsub import Publisher
from bridge.relay import Relay
from bridge.reload import Reload
from bridge.vitals import Vitals
from bridge.wrapper import Wrapper
from director.endpoints import channel
from director.reporter import MetricsReporter

log = logging.getLogger(__name__)

DRAIN_SECONDS = 8.0  # Cloud Run grants about ten between SIGTERM and SIGKILL
LAST_PUSH_SECONDS = 1.0  # for the last figures to reach Cloud Monitoring
# New objects between two collections. Messages in flight are some ten thousand objects without a cycle: with Python's
# own 700 a fifth of all time went into walking over them.
COLLECT_AFTER = 100_000
LOOK_SECONDS = 0.5  # between looks at whether the bridge is alive
OK, NOT_LIVE, CUT_SHORT = 0, 4, 143
ENDINGS = (signal.SIGTERM, signal.SIGINT)

Signals = SimpleQueue[int]  # a handler may put into it whatever the main thread is doing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sources.add_arguments(parser)
    sources.add_reload_arguments(parser)
    parser.add_argument(
        "--ordinal", type=int, help="this bridge's number in broker.shared (default: ends the host name)"
    )
    pages = "/livez, /readyz, /metrics"
    parser.add_argument("--health_port", type=int, default=8080, help=f"{pages}; 0 takes a free one (default: 8080)")
    parser.add_argument("--health_host", default="127.0.0.1", help=f"where {pages} are served (default: 127.0.0.1)")
    parser.add_argument("--monitoring_project", metavar="PROJECT", help="push metrics to its Cloud Monitoring")


def run(arguments: argparse.Namespace) -> int:
    """`python -m bridge run`. Raises DocumentError, DirectorError, GoogleAuthError, OSError, TakenOver."""
    shortage = descriptors.shortage()
    if shortage:
        raise OSError(shortage)
    origin = sources.origin(arguments)
    bridge = Bridge(configuration(origin.read()), origin, arguments)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    return bridge.run(_signals())


class Bridge:
    """All parts of one bridge, wired."""

    def __init__(self, config: BridgeConfig, origin: sources.Origin, arguments: argparse.Namespace) -> None:
        deadline = config.publishing.deadline_seconds
        self._id = secrets.token_hex(8)
        self._metrics = Metrics()
        self._later = Later()
        self._publisher = Publisher(partial(channel, "pubsub"), deadline, self._later, self._metrics)
        self._wrapper = Wrapper(config, self._id)
        window = config.broker.receive_maximum
        self._relay = Relay(self._wrapper, self._publisher, config.publishing, window, self._metrics, self._later)
        self._source = MqttSource(config.broker, config.subscriptions, self._relay, arguments.ordinal)
        self._relay.acknowledge = self._source.acknowledge
        self._reload = Reload(origin, config, self._use, self._metrics)
        self._vitals = Vitals(self._source, self._publisher, self._reload, deadline)
        self._health = HealthServer(
            arguments.health_port,
            live=self._vitals.not_live,
            ready=self._vitals.not_ready,
            registry=self._metrics.registry,
            host=arguments.health_host,
            remark=lambda: self._reload.remark,
        )
        self._show(window)
        self._reporter = self._reporter_to(arguments.monitoring_project, arguments.dataflow)

    def run(self, signals: Signals) -> int:
        """Until a signal ends it, or until this bridge can do no more."""
        self._start()
        while (number := _next(signals, LOOK_SECONDS)) not in ENDINGS:
            if number == signal.SIGHUP:
                self._reload.now()
            reason = self._vitals.gone()
            if self._source.taken_over.is_set():
                raise TakenOver("another client uses our client id: give each running bridge its own")
            if reason:
                log.critical("%s: leaving, so that a supervisor starts anew", reason)
                return NOT_LIVE
        return self._stop(signals)

    def _start(self) -> None:
        self._health.start()
        self._reload.start()
        self._source.start()
        if self._reporter:
            self._reporter.start()
        log.info("bridge started, health on port %d", self._health.port)

    def _use(self, config: BridgeConfig) -> None:
        """Another configuration while messages flow. The wrapper first: no message may come that it cannot route."""
        self._wrapper = Wrapper(config, self._id, previous=self._wrapper)
        self._relay.use(self._wrapper, config.publishing)
        self._source.subscribe(config.subscriptions)

    def _stop(self, signals: Signals) -> int:
        """Unready first, then all that was taken, then DISCONNECT; what is not done by then the broker keeps."""
        self._vitals.stopping = True
        self._reload.stop()
        in_time = self._drain(signals)
        self._source.stop()
        self._later.close()
        self._publisher.close()
        if self._reporter and in_time:
            self._reporter.stop(LAST_PUSH_SECONDS)
        if self._relay.in_flight:
            log.warning("stopped with %d messages unacknowledged: the broker keeps them", self._relay.in_flight)
        self._health.stop()
        return OK if in_time else CUT_SHORT

    def _drain(self, signals: Signals) -> bool:
        """False where someone lost patience."""
        end = time.monotonic() + DRAIN_SECONDS
        while not self._relay.drain(seconds=0.1) and time.monotonic() < end:
            if _next(signals, 0) in ENDINGS:
                return False
        return True

    def _show(self, window: int) -> None:
        relay, source, publisher, gauge = self._relay, self._source, self._publisher, self._metrics.gauge
        gauge("in_flight", "Messages taken and not ended.", lambda: relay.in_flight)
        gauge("window_utilisation", "In flight, as a share of receive_maximum.", lambda: relay.in_flight / window)
        gauge("oldest_in_flight_seconds", "Age of the oldest unacknowledged message.", lambda: relay.oldest_seconds)
        gauge("publish_failing_seconds", "How long publishes have only failed.", lambda: publisher.failing_for)
        gauge("connected", "1 while connected and subscribed.", lambda: source.problem is None)
        gauge("ready", "1 while /readyz answers 200.", lambda: self._vitals.not_ready() is None)
        gauge("sessions_lost", "Times the broker had lost the session.", lambda: source.session_lost)
        self._metrics.count("connections", "Connections the broker took.", lambda: source.connections)
        self._metrics.count("truncated", "Payloads cut to what a route allows.", lambda: self._wrapper.truncated)

    def _reporter_to(self, project: str | None, dataflow: str) -> MetricsReporter | None:
        if project is None:
            return None
        return MetricsReporter(self._metrics.registry, project, "bridge", dataflow, self._source.client_id)


def _signals() -> Signals:
    signals = Signals()
    for number in (*ENDINGS, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: signals.put(number))
    return signals


def _next(signals: Signals, seconds: float) -> int | None:
    try:
        return signals.get(timeout=seconds) if seconds else signals.get_nowait()
    except Empty:
        return None
