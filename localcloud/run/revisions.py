"""Revisions: what a service's template was at some time. Made by services alone."""

import hashlib
import string
from typing import Any

from localcloud.clock import Clock
from localcloud.faults import Call, Faults
from localcloud.operations import Operations
from localcloud.paging import page
from localcloud.rpc import already_exists, failed_precondition, invalid_argument, unary
from localcloud.run import messages
from localcloud.run.entities import CALLER, LARGEST_PAGE, Shelf, check_etag
from localcloud.run.messages import RECONCILING, condition_of

_SHARED = (
    "labels", "annotations", "scaling", "vpc_access", "max_instance_request_concurrency", "timeout", "service_account",
    "containers", "volumes", "execution_environment", "encryption_key", "session_affinity",
)  # fmt: skip


class Revisions(Shelf):
    service = "google.cloud.run.v2.Revisions"
    permissions = frozenset({"run.revisions.get", "run.revisions.delete"})

    def __init__(self, faults: Faults, clock: Clock, operations: Operations, services: dict[str, Any]) -> None:
        """`services` are those that there are, by name."""
        super().__init__(faults, clock)
        self._operations = operations
        self._services = services

    def make(self, service: Any) -> Any:
        """The next revision of a service, not ready yet. Raises ALREADY_EXISTS for a name that the template repeats."""
        parent, template = service.name, service.template
        short = parent.rpartition("/")[2]
        if template.revision and not template.revision.startswith(f"{short}-"):
            raise invalid_argument(f"template.revision: {template.revision} must begin with {short}-.")
        name = f"{parent}/revisions/{template.revision or _minted(short, service)}"
        if name in self.kept:
            raise already_exists(f"Revision named '{template.revision}' with different configuration already exists.")
        shared = {field.name: value for field, value in template.ListFields() if field.name in _SHARED}
        revision = messages.Revision(**shared)
        self.begun(revision, name)
        revision.service, revision.creator = parent, CALLER
        revision.reconciling = True
        revision.conditions.append(condition_of("Ready", RECONCILING, self.clock.time_ns()))
        self.kept[name] = revision
        return revision

    def say(self, revision: Any, state: int, message: str = "", **reason: int) -> None:
        revision.reconciling = state == RECONCILING
        del revision.conditions[:]
        revision.conditions.append(condition_of("Ready", state, self.clock.time_ns(), message, **reason))

    def forget(self, service: str) -> None:
        for name in [name for name in self.kept if name.startswith(f"{service}/")]:
            del self.kept[name]

    @unary(messages.GetRevisionRequest)
    async def GetRevision(self, request: Any) -> Any:
        return self.found(request.name)

    @unary(messages.ListRevisionsRequest)
    async def ListRevisions(self, request: Any) -> Any:
        shown, token = page(self.below(request.parent, "revisions"), request, LARGEST_PAGE)
        return messages.ListRevisionsResponse(revisions=shown, next_page_token=token)

    @unary(messages.DeleteRevisionRequest)
    async def DeleteRevision(self, request: Any) -> Any:
        revision = self.found(request.name)
        check_etag(revision, request.etag)
        service, short = self._services[revision.service], request.name.rpartition("/")[2]
        served = {target.revision for target in service.traffic_statuses}
        if short in served or request.name in (service.latest_created_revision, service.latest_ready_revision):
            raise failed_precondition(f"Revision {short} serves traffic or is the latest: it cannot be deleted.")

        async def gone() -> Any:
            if not request.validate_only:
                self.kept.pop(request.name, None)
            return revision

        parent = revision.service.partition("/services/")[0]
        return self._operations.begin(parent, Call("run.DeleteRevision", request.name), revision, gone)


def letters(text: str) -> str:
    """Three that stand for a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(string.ascii_lowercase[byte % 26] for byte in digest[:3])


def _minted(service: str, of: Any) -> str:
    return f"{service}-{of.generation:05}-{letters(of.uid + str(of.generation))}"
