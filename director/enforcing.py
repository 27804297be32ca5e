"""What a director does about drift while it serves: it tells of it, and applies what the document wants enforced."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from director.errors import DirectorError
from director.operations.endings import good, record
from director.operations.model import Asked, Progress
from director.operations.operations import Operations
from director.provisioning.drift import Drift
from director.safety.audit import Audit
from director.safety.authentication import Identity
from director.service import Director

SCHEDULE = Identity("schedule", "none")
PATIENCE = 540.0  # seconds to wait for one apply before the next resource
TellEvent = Callable[[str, str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Applies one resource as an operation, in the audit like anybody's."""

    director: Director
    operations: Operations
    audit: Audit

    def __call__(self, dataflow: str, resource: str) -> None:
        """Waits for its end. Raises Busy, Unavailable, AuditUnavailable."""
        request = uuid.uuid4().hex
        trail = self.audit.intent(SCHEDULE, "", "apply", request, dataflow=dataflow, resource=resource)
        asked = Asked("apply", dataflow, SCHEDULE.name, request, resource=resource)
        try:
            operation, _ = self.operations.begin(
                asked, partial(self._work, dataflow, resource), good, partial(record, trail)
            )
        except DirectorError as error:
            trail.end(type(error).__name__.lower())
            raise
        self.operations.wait(operation.id, PATIENCE)

    def _work(self, dataflow: str, resource: str, progress: Progress, operation: str) -> Iterable[Any]:
        """Without what it needs: nobody wants that enforced, unless its own `enforce` says so."""
        return self.director.apply(
            dataflow, None, progress, resource=resource, alone=True, who=SCHEDULE.name, operation=operation
        )


class DriftTold:
    """Each look as figures, and what was found as an event `drift.found`."""

    def __init__(self, event: TellEvent, registry: CollectorRegistry) -> None:
        self._event = event
        self._looks = Counter("director_drift_looks", "looks at a dataflow for drift", registry=registry)
        about = "fields that were not as wanted, at the last look at each dataflow"
        self._fields = Gauge("director_drift_fields", about, registry=registry)
        self._found: dict[str, int] = {}

    def __call__(self, dataflow: str, found: Sequence[Drift]) -> None:
        self._looks.inc()
        self._found[dataflow] = len(found)
        self._fields.set(sum(self._found.values()))
        if found:
            resources = sorted({f"{one.kind}/{one.name}" for one in found})
            self._event("drift.found", dataflow, {"fields": len(found), "resources": resources})
