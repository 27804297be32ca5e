"""The probes of a Cloud Run container: an HTTP GET that has to succeed. Pure."""

from dataclasses import dataclass
from typing import Any

from google.cloud.run_v2.types import Probe as Message

from director.documents.specs.run import Probe as Spec


@dataclass(frozen=True, slots=True)
class Probe:
    """An HTTP GET, in seconds."""

    path: str
    port: int
    initial_delay: int
    period: int
    timeout: int
    failure_threshold: int

    def __str__(self) -> str:
        every = f"every {self.period} s after {self.initial_delay} s, for {self.timeout} s"
        return f"{self.path} on {self.port} {every}, {self.failure_threshold} times"


def wanted(spec: Spec | None, port: int) -> Probe | None:
    if spec is None:
        return None
    delay, period, timeout = (int(each.total_seconds()) for each in (spec.initial_delay, spec.period, spec.timeout))
    return Probe(spec.path, spec.port or port, delay, period, timeout, spec.failure_threshold)


def seen(container: Any, kind: str, port: int) -> Probe | None:
    """None for one that is no HTTP GET: Cloud Run has one of its own."""
    probe = getattr(container, kind)
    if "http_get" not in probe:
        return None
    get = probe.http_get
    return Probe(
        get.path or "/",
        get.port or port,
        probe.initial_delay_seconds,
        probe.period_seconds or 10,
        probe.timeout_seconds or 1,
        probe.failure_threshold or 3,
    )


def message(probe: Probe) -> Any:
    return Message(
        http_get={"path": probe.path, "port": probe.port},
        initial_delay_seconds=probe.initial_delay,
        period_seconds=probe.period,
        timeout_seconds=probe.timeout,
        failure_threshold=probe.failure_threshold,
    )
