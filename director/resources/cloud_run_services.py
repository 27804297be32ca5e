"""Cloud Run services: see `rollouts` for when one is done, and what becomes of one that fails."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud.run_v2 import ServicesClient
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.cloud.run_v2.types import ContainerPort, IngressTraffic
from google.cloud.run_v2.types import Service as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.run import CloudRunService
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Wanted, owner_in
from director.provisioning.clients import Clients
from director.provisioning.waiting import PATIENT, Waiting
from director.resources import containers, probes
from director.resources.containers import ROLLING_OUT
from director.resources.probes import Probe
from director.resources.programs import consumes, needs, services
from director.resources.rollouts import LATEST, Rollouts, follow_latest, readiness, traffic
from director.resources.rules import where_said

PAGE = 100
REPLACES = "iot-director/replaces"  # on a template: the failed revision instead of which another is made

_INGRESS = {
    "all": IngressTraffic.INGRESS_TRAFFIC_ALL,
    "internal": IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
    "internal-and-cloud-load-balancing": IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER,
}


@dataclass(frozen=True, slots=True)
class State(containers.Container):
    """`traffic` is `latest`, or what it goes to instead. Without the check of IAM everybody may call the service."""

    description: Annotated[str | None, where_said] = None
    port: int = 8080
    http2: bool = False
    min_instances: int = 0
    max_instances: Annotated[int | None, where_said] = None
    concurrency: Annotated[int | None, where_said] = None
    timeout: Annotated[int | None, where_said] = None
    cpu_always_allocated: bool = False
    ingress: str = "internal"
    iam_checked: bool = True
    startup_probe: Annotated[Probe | None, where_said] = None
    liveness_probe: Annotated[Probe | None, where_said] = None
    traffic: str = LATEST


def wanted(context: Context, spec: CloudRunService) -> Wanted[State]:
    always = consumes(context, spec) if spec.cpu_always_allocated is None else spec.cpu_always_allocated
    state = State(
        **containers.said(context, spec),
        description=spec.description or None,
        port=spec.port,
        http2=spec.http2,
        min_instances=int(always) if spec.min_instances is None else spec.min_instances,
        max_instances=spec.max_instances,
        concurrency=spec.concurrency,
        timeout=int(spec.timeout.total_seconds()) if spec.timeout else None,
        cpu_always_allocated=always,
        ingress=spec.ingress,
        startup_probe=probes.wanted(spec.startup_probe, spec.port),
        liveness_probe=probes.wanted(spec.liveness_probe, spec.port),
    )
    key = keys.cloud_run_service(context.project, spec.location or context.architecture.region, spec.name)
    before = needs(context, spec, state.secret_env.values())
    return Wanted(*key, state, context.owner, needs=before, services=services(context, spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    transport = ServicesGrpcTransport(channel=clients.channel("run"))
    return CloudRunServices(ServicesClient(transport=transport))


class CloudRunServices:
    """Services through Google's client; updates carry the etag of what was observed."""

    def __init__(self, client: ServicesClient, waiting: Waiting = PATIENT) -> None:
        self._client = client
        self._waiting = waiting
        self._rollouts = Rollouts(client, waiting)

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            return _observed(self._rollouts.service(wanted.full_name))
        except NotFound:
            return None

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for parent in {name.partition("/services/")[0] for name in names}:
            request = {"parent": parent, "page_size": PAGE}
            listed = self._client.list_services(request=request, retry=None, timeout=CALL_TIMEOUT)
            found |= {service.name: _observed(service) for service in listed if service.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        service = Message(template={"containers": [{}]})
        _fill(service, wanted.state, frozenset(field.name for field in fields(State)))
        parent, _, name = wanted.full_name.partition("/services/")
        request = {"parent": parent, "service_id": name, "service": service}
        begun = self._client.create_service(request=request, retry=None, timeout=CALL_TIMEOUT)
        self._rollouts.finish(wanted.full_name, begun)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        service = Message(observed.handle)
        if fields == {"ready"} and observed.state.ready == ROLLING_OUT:
            self._rollouts.settle(wanted.full_name)  # begun by one that ended before it was over
            return
        service.template.revision = ""  # a name that somebody gave belongs to one revision
        if "ready" in fields:
            service.template.annotations[REPLACES] = service.latest_created_revision.rpartition("/")[2]
        _fill(service, wanted.state, fields)
        self._rollouts.finish(wanted.full_name, self._rollouts.update(service))

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """A service keeps nothing."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        begun = self._client.delete_service(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        self._waiting.finished(begun, self._client.transport.operations_client, f"deleting {wanted.full_name}")


def _observed(service: Any) -> Observed[State]:
    template = service.template
    container = template.containers[0]
    port = container.ports[0] if container.ports else ContainerPort(container_port=8080)
    state = State(
        **containers.seen(service, template, readiness(service)),
        description=service.description or None,
        port=port.container_port,
        http2=port.name == "h2c",
        min_instances=template.scaling.min_instance_count,
        max_instances=template.scaling.max_instance_count or None,
        concurrency=template.max_instance_request_concurrency or None,
        timeout=int(template.timeout.total_seconds()) or None,
        cpu_always_allocated=not container.resources.cpu_idle,
        ingress=next((name for name, known in _INGRESS.items() if known == service.ingress), service.ingress.name),
        iam_checked=not service.invoker_iam_disabled,
        startup_probe=probes.seen(container, "startup_probe", port.container_port),
        liveness_probe=probes.seen(container, "liveness_probe", port.container_port),
        traffic=traffic(service),
    )
    return Observed(state, owner_in(state.labels), service)


def _fill(service: Any, state: State, fields: frozenset[str]) -> None:
    """Puts the fields that differ into a service; what a document cannot say stays."""
    service.labels = {**service.labels, **state.labels}
    service.invoker_iam_disabled = not state.iam_checked
    if "description" in fields:
        service.description = state.description or ""
    if "ingress" in fields:
        service.ingress = _INGRESS[state.ingress]
    containers.fill(service.template, state, fields)
    _fill_scaling(service.template, state, fields)
    _fill_container(service.template.containers[0], state, fields)
    follow_latest(service)


def _fill_scaling(template: Any, state: State, fields: frozenset[str]) -> None:
    if "min_instances" in fields:
        template.scaling.min_instance_count = state.min_instances
    if "max_instances" in fields and state.max_instances:
        template.scaling.max_instance_count = state.max_instances
    if "concurrency" in fields and state.concurrency:
        template.max_instance_request_concurrency = state.concurrency
    if "timeout" in fields and state.timeout:
        template.timeout = timedelta(seconds=state.timeout)


def _fill_container(container: Any, state: State, fields: frozenset[str]) -> None:
    if fields & {"port", "http2"}:
        container.ports = [ContainerPort(name="h2c" if state.http2 else "http1", container_port=state.port)]
    if "cpu_always_allocated" in fields:
        container.resources.cpu_idle = not state.cpu_always_allocated
    for name in fields & {"startup_probe", "liveness_probe"}:
        probe = getattr(state, name)
        if probe:
            setattr(container, name, probes.message(probe))
