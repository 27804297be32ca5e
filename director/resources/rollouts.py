"""Rollouts of Cloud Run services: done when the new revision is ready and has the traffic.

Where it never turns ready, the traffic, which Cloud Run left on the last ready revision, is pinned to that by name, so
that the failed one cannot take it over later, and the error has Google's reason.
"""

from typing import Any

from google.api_core.exceptions import Aborted, Conflict, GoogleAPICallError
from google.cloud.run_v2 import ServicesClient
from google.cloud.run_v2.types import TrafficTarget, TrafficTargetAllocationType

from director.errors import DirectorError
from director.provisioning.base import CALL_TIMEOUT
from director.provisioning.waiting import OperationFailed, Waiting
from director.resources import containers
from director.resources.containers import READY, ROLLING_OUT

LATEST = "latest"

_LATEST = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
_BY_NAME = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


class Rollouts:
    """Waits for rollouts of services, and takes the failed ones back."""

    def __init__(self, client: ServicesClient, waiting: Waiting) -> None:
        self._client = client
        self._waiting = waiting

    def finish(self, name: str, begun: Any) -> None:
        """Raises OperationFailed after the traffic was pinned to the last revision that was ready, if there is one."""
        try:
            self._waiting.finished(begun, self._client.transport.operations_client, f"the rollout of {name}")
        except OperationFailed as error:
            raise OperationFailed(f"{error}; {self._pinned(name)}") from error
        self.settle(name)

    def settle(self, name: str) -> None:
        """Cloud Run's own word counts, whatever became of the operation."""
        self._waiting.until(lambda: readiness(self.service(name)) != ROLLING_OUT, f"the rollout of {name}")
        ready = readiness(self.service(name))
        if ready != READY:
            raise OperationFailed(f"the rollout of {name} {ready}; {self._pinned(name)}")

    def _pinned(self, name: str) -> str:
        """What was done about the traffic, and to what effect, in words."""
        try:
            return self._pin(name)
        except (GoogleAPICallError, DirectorError) as error:
            return f"its traffic could not be pinned to the last ready revision, see to it: {error}"

    def _pin(self, name: str) -> str:
        self._waiting.until(lambda: not self.service(name).reconciling, f"the rollout of {name}")
        service = self.service(name)
        last = service.latest_ready_revision.rpartition("/")[2]
        if not last:
            return "no revision was ever ready, so it serves nothing"
        _pin_to(service, last)
        begun = self.update(service)
        self._waiting.until(lambda: self._over(begun), f"the rollback of {name}")
        served = {target.revision: target.percent for target in self.service(name).traffic_statuses if target.percent}
        if served.get(last) != 100:
            return f"its traffic is at {served or 'nothing'} and could not be pinned to {last}, see to it"
        return f"its traffic is pinned to {last}, the last revision that was ready"

    def _over(self, begun: Any) -> bool:
        """Done, well or not: a service whose latest revision failed may call every operation failed."""
        operations = self._client.transport.operations_client
        return bool(operations.get_operation(begun.operation.name, retry=None, timeout=CALL_TIMEOUT).done)

    def update(self, service: Any) -> Any:
        try:
            return self._client.update_service(service=service, retry=None, timeout=CALL_TIMEOUT)
        except Aborted as error:
            raise Conflict(f"{service.name} was changed meanwhile: {error.message}") from error

    def service(self, name: str) -> Any:
        return self._client.get_service(name=name, retry=None, timeout=CALL_TIMEOUT)


def readiness(service: Any) -> str:
    """Also failed where Cloud Run is content with traffic on an older revision than the newest."""
    said = containers.readiness(service)
    if said == READY and service.latest_created_revision != service.latest_ready_revision:
        return f"failed, revision {service.latest_created_revision.rpartition('/')[2]} never turned ready"
    return said


def traffic(service: Any) -> str:
    shares = [
        (LATEST if target.type_ == _LATEST else target.revision, target.percent)
        for target in service.traffic
        if target.percent
    ]
    if shares in ([], [(LATEST, 100)]):
        return LATEST
    return ", ".join(f"{percent} % to {name}" for name, percent in shares)


def follow_latest(service: Any) -> None:
    """Sends everything to the newest revision that is ready; addresses of single revisions stay."""
    service.traffic = [TrafficTarget(type_=_LATEST, percent=100), *_tagged(service)]


def _pin_to(service: Any, revision: str) -> None:
    service.traffic = [TrafficTarget(type_=_BY_NAME, revision=revision, percent=100), *_tagged(service)]


def _tagged(service: Any) -> list[Any]:
    tagged = [TrafficTarget(target) for target in service.traffic if target.tag]
    for target in tagged:
        target.percent = 0
    return tagged
