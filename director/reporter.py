"""A process' figures for Cloud Monitoring, pushed now and then by a thread of their own. PUBLIC, light imports.

    reporter = MetricsReporter(metrics.registry, "my-project", "bridge", "plant", "bridge-0")
    reporter.start()
    ...
    reporter.stop()

What a service does never waits for this and never fails by it: a push that fails is counted (`reporter_failures` in the
same registry), told in the log now and then, and made up for by the next, since counters only grow.

Limits: cloud.google.com/monitoring/quotas. What the figures become: director/time_series.py.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, Counter

CREATE = "/google.monitoring.v3.MetricService/CreateTimeSeries"
MOST_SERIES = 200  # in one call
CLOSEST = 10.0  # seconds between two pushes
CLOSEST_AT_GOOGLE = 5.0  # seconds between two points of a series: a last push need not keep more distance
CALL_SECONDS = 10.0
PUSH_SECONDS = 60.0
SHORTEST_TIME = 0.001  # seconds from the start of a counter to its first point
QUIET = 600.0  # seconds between two complaints

log = logging.getLogger(__name__)


class MetricsReporter:
    """Pushes what is in `registry` every `interval` seconds, at least 10.

    `instance` names the process for people, such as a host or client id; a random part behind it keeps the series of
    two processes apart. `channel` is the caller's to close; without one, a channel to Google or its stand-in is opened
    when it is needed. `now` gives seconds since 1970.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        project: str,
        service: str,
        dataflow: str,
        instance: str,
        interval: float = 60.0,
        channel: grpc.Channel | None = None,
        now: Callable[[], float] = time.time,
        location: str = "global",
    ) -> None:
        from director.time_series import Origin  # Google's types: only who reports pays for them, and at the start

        if interval < CLOSEST:
            raise ValueError(f"interval is {interval} s; push at most every {CLOSEST:g} s")
        self._registry = registry
        self._interval = interval
        self._given = channel
        self._opened: grpc.Channel | None = None
        self._now = now
        self._origin = Origin(project, location, dataflow, service, f"{instance}-{secrets.token_hex(4)}", now())
        self._failures = Counter("reporter_failures", "Calls to Cloud Monitoring that failed.", registry=registry)
        self._one_at_a_time = threading.Lock()
        self._last = float("-inf")
        self._stopping = threading.Event()
        self._until = float("inf")
        self._thread = threading.Thread(target=self._run, name="metrics-reporter", daemon=True)
        self._silent_until = float("-inf")

    @property
    def task_id(self) -> str:
        """Tells the time series of this process from all others."""
        return self._origin.task

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Pushes a last time; returns within `seconds`, whether that was done or not."""
        self._until = time.monotonic() + seconds
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        if self._thread.is_alive():
            self._failed(f"no answer within {seconds:g} s of stopping")
        if self._opened:
            self._opened.close()  # ends a call that is still under way

    def push(self) -> bool:
        """Whether all figures arrived. Nothing is sent when the last push is not yet 10 s ago."""
        with self._one_at_a_time:
            if self._now() - self._last < CLOSEST:
                return False
            return self._pushed(time.monotonic() + PUSH_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause()):
            self.push()
        rest = max(0.0, self._last + CLOSEST_AT_GOOGLE - self._now())
        if time.monotonic() + rest >= self._until:
            log.info("the last figures were not pushed: others were %.0f s ago", self._now() - self._last)
            return
        time.sleep(rest)
        with self._one_at_a_time:
            self._pushed(self._until)

    def _pause(self) -> float:
        """Seconds until a push is due; no more than an interval, whatever the clock was set to."""
        due = max(self._last, self._origin.start) + self._interval
        return max(0.0, min(self._interval, due - self._now()))

    def _pushed(self, until: float) -> bool:
        from director.time_series import time_series

        self._last = max(self._now(), self._origin.start + SHORTEST_TIME)
        try:
            series = time_series(self._registry.collect(), self._origin, self._last)
            parts = [series[first : first + MOST_SERIES] for first in range(0, len(series), MOST_SERIES)]
            taken = [self._sent(part, until) for part in parts]  # all of them, whatever becomes of the first
            return all(taken)
        except grpc.RpcError as error:
            self._failed(_told(error))
        except Exception as error:  # whatever is wrong with a figure or with credentials: the service goes on
            self._failed(repr(error))
        return False

    def _sent(self, series: Sequence[Any], until: float) -> bool:
        """False where Google took only some. Raises RpcError where it took none and need not be asked for more."""
        from director.time_series import create_request

        name = f"projects/{self._origin.project}"
        call = self._channel().unary_unary(CREATE, None, None)  # bytes in, bytes out
        seconds = max(0.0, min(CALL_SECONDS, until - time.monotonic()))
        try:
            call(create_request(name, series), timeout=seconds, metadata=(("x-goog-request-params", f"name={name}"),))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            self._failed(_told(error))
            return False
        return True

    def _channel(self) -> grpc.Channel:
        from director.endpoints import channel

        if self._given is not None:
            return self._given
        if self._opened is None:
            self._opened = channel("monitoring")
        return self._opened

    def _failed(self, why: str) -> None:
        self._failures.inc()
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + QUIET
            log.warning("figures did not reach Cloud Monitoring: %s (said at most every %.0f s)", why, QUIET)


def _told(error: Any) -> str:
    """The status in words, with what to do about it where that is known."""
    if error.code() is grpc.StatusCode.PERMISSION_DENIED:
        return f"{error.details()}; grant this process' service account roles/monitoring.metricWriter"
    return f"{error.code().name}: {error.details()}"
