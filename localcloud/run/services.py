"""Services and their revisions: every change of a template makes a revision, which turns ready or does not.

Whether it does is asked of the faults, as if `run.revisions.ready` were a method on it; its body is the revision:

    faults.add(Fault(method="run.revisions.ready", marker="broken-image", message="The container failed to start."))

No container is started. Source: https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from localcloud.clock import Clock
from localcloud.faults import Call, Faults, Struck
from localcloud.masks import own_fields, replace
from localcloud.operations import Operations, at_once
from localcloud.paging import page
from localcloud.rpc import RpcError, already_exists, failed_precondition, invalid_argument, unary
from localcloud.run import messages
from localcloud.run.checks import check_service, fill_service, place
from localcloud.run.entities import CALLER, LARGEST_PAGE, Shelf, check_etag, default_account
from localcloud.run.messages import (
    BY_NAME,
    FAILED,
    LATEST,
    NOT_HEALTHY,
    RECONCILING,
    REVISION_FAILED,
    SUCCEEDED,
    TrafficTarget,
    condition_of,
)
from localcloud.run.revisions import Revisions, letters

OUTPUT_ONLY = (
    "name", "uid", "generation", "create_time", "update_time", "delete_time", "expire_time", "creator",
    "last_modifier", "urls", "observed_generation", "terminal_condition", "conditions", "latest_ready_revision",
    "latest_created_revision", "traffic_statuses", "uri", "satisfies_pzs", "threat_detection_enabled", "reconciling",
    "etag",
)  # fmt: skip
SETTABLE = own_fields(messages.Service, OUTPUT_ONLY)

Reconciled = Callable[[], Awaitable[Any]]


class Services(Shelf):
    service = "google.cloud.run.v2.Services"
    permissions = frozenset(
        f"run.services.{verb}" for verb in ("get", "update", "delete", "getIamPolicy", "setIamPolicy")
    ) | {"run.routes.invoke"}

    def __init__(self, faults: Faults, clock: Clock, operations: Operations) -> None:
        super().__init__(faults, clock)
        self._operations = operations
        self.revisions = Revisions(faults, clock, operations, self.kept)

    @unary(messages.CreateServiceRequest)
    async def CreateService(self, request: Any) -> Any:
        name = f"{request.parent}/services/{request.service_id}"
        _, location = place(request.parent)
        if name in self.kept:
            raise already_exists(f"Resource '{request.service_id}' already exists.")
        service = messages.Service()
        replace(service, request.service, None, SETTABLE)
        self._checked(service, name)
        self.begun(service, name)
        service.uri = f"https://{request.service_id}-{letters(service.uid)}-{location}.run.localcloud.invalid"
        service.urls.append(service.uri)
        return self._reconcile("run.CreateService", service, True, request.validate_only)

    @unary(messages.GetServiceRequest)
    async def GetService(self, request: Any) -> Any:
        return self.found(request.name)

    @unary(messages.ListServicesRequest)
    async def ListServices(self, request: Any) -> Any:
        place(request.parent)
        shown, token = page(self.below(request.parent, "services"), request, LARGEST_PAGE)
        return messages.ListServicesResponse(services=shown, next_page_token=token)

    @unary(messages.UpdateServiceRequest)
    async def UpdateService(self, request: Any) -> Any:
        name = request.service.name
        if name not in self.kept and request.allow_missing:
            parent, _, service_id = name.partition("/services/")
            create = {"parent": parent, "service_id": service_id, "service": request.service}
            only = request.validate_only
            return await self.CreateService(messages.CreateServiceRequest(**create, validate_only=only))
        live = self.found(name)
        check_etag(live, request.service.etag)
        service = messages.Service()
        service.CopyFrom(live)
        replace(service, request.service, request.update_mask, SETTABLE)
        self._checked(service, name)
        service.generation += 1
        service.last_modifier = CALLER
        self.touched(service)
        return self._reconcile("run.UpdateService", service, service.template != live.template, request.validate_only)

    @unary(messages.DeleteServiceRequest)
    async def DeleteService(self, request: Any) -> Any:
        service = self.found(request.name)
        check_etag(service, request.etag)
        if not request.validate_only:
            service.delete_time.FromNanoseconds(self.clock.time_ns())

        async def gone() -> Any:
            if not request.validate_only and self.kept.pop(request.name, None) is not None:
                self.revisions.forget(request.name)
            return service

        return self._begin("run.DeleteService", service, gone)

    def _checked(self, service: Any, name: str) -> None:
        """Complete and right, or INVALID_ARGUMENT; a revision it names itself must be new."""
        check_service(name.rpartition("/")[2], service)
        fill_service(service, default_account(name.split("/")[1]))
        if not service.traffic:
            service.traffic.append(TrafficTarget(type_=LATEST, percent=100))
        for target in service.traffic:
            if target.type_ == BY_NAME and f"{name}/revisions/{target.revision}" not in self.revisions.kept:
                raise invalid_argument(f"traffic: revision {target.revision} does not exist.")

    def _reconcile(self, call: str, service: Any, renewed: bool, validate_only: bool) -> Any:
        """Keeps it as it is to be, and begins to bring it about."""
        if validate_only:
            return self._begin(call, service, at_once(service))
        if renewed:
            service.latest_created_revision = self.revisions.make(service).name
        service.reconciling = True
        self._say(service, RECONCILING)
        self.kept[service.name] = service
        generation = service.generation

        async def reconciled() -> Any:
            if service.generation != generation or self.kept.get(service.name) is not service:
                raise RpcError(grpc.StatusCode.ABORTED, f"'{service.name}' was changed again meanwhile.")
            await self._settle(service)
            return service

        return self._begin(call, service, reconciled)

    async def _settle(self, service: Any) -> None:
        """Raises FAILED_PRECONDITION, with traffic where it was, if a revision that is to have some is not ready."""
        revision = self.revisions.kept[service.latest_created_revision]
        if revision.reconciling:
            await self._started(revision)
        if revision.conditions[0].state != FAILED:
            service.latest_ready_revision = revision.name
        service.reconciling = False
        problem = self._problem(service, revision)
        if problem:
            self._say(service, FAILED, problem, **REVISION_FAILED)
            raise failed_precondition(problem)
        service.observed_generation = service.generation
        self._say(service, SUCCEEDED)
        del service.traffic_statuses[:]
        for target in service.traffic:
            ready = service.latest_ready_revision.rpartition("/")[2]
            served = target.revision if target.type_ == BY_NAME else ready
            service.traffic_statuses.add(type_=target.type_, revision=served, percent=target.percent, uri=service.uri)

    async def _started(self, revision: Any) -> None:
        try:
            await self.faults.before(Call("run.revisions.ready", revision.name, revision.SerializeToString))
        except Struck as struck:
            self.revisions.say(revision, FAILED, struck.fault.message, **NOT_HEALTHY)
        else:
            self.revisions.say(revision, SUCCEEDED)

    def _problem(self, service: Any, newest: Any) -> str:
        for target in service.traffic:
            named = f"{service.name}/revisions/{target.revision}"
            revision = self.revisions.kept[named] if target.type_ == BY_NAME else newest
            if revision.conditions[0].state == FAILED:
                name = revision.name.rpartition("/")[2]
                return f"Revision '{name}' is not ready and cannot serve traffic. {revision.conditions[0].message}"
        return ""

    def _say(self, service: Any, state: int, message: str = "", **reason: int) -> None:
        now = self.clock.time_ns()
        service.terminal_condition.CopyFrom(condition_of("Ready", state, now, message, **reason))
        del service.conditions[:]
        for kind in ("RoutesReady", "ConfigurationsReady"):
            service.conditions.append(condition_of(kind, state, now, message, **reason))

    def _begin(self, call: str, service: Any, finish: Reconciled) -> Any:
        parent = service.name.partition("/services/")[0]
        return self._operations.begin(parent, Call(call, service.name, service.SerializeToString), service, finish)
