"""What a service or a job must be like before Cloud Run keeps it, and what it then adds of its own. Pure.

Sources: https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2, https://cloud.google.com/run/docs/configuring
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from localcloud.rpc import invalid_argument
from localcloud.run.messages import ContainerPort

_PARENT = re.compile(r"projects/([^/]+)/locations/([a-z][a-z0-9-]+)")
_SERVICE_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", re.ASCII)
_JOB_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_MEMORY = re.compile(r"(\d+)(Mi|Gi|M|G)", re.ASCII)
_CPU = {"1": 1, "2": 2, "4": 4, "6": 6, "8": 8} | {f"{count}000m": count for count in (1, 2, 4, 6, 8)}
_LEAST_MEMORY = {1: 128, 2: 128, 4: 2048, 6: 4096, 8: 4096}  # MiB by CPUs
_RESERVED_VARIABLES = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
_RESERVED_NAMESPACES = ("run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.")
LONGEST_REQUEST, LONGEST_TASK = timedelta(hours=1), timedelta(days=7)
MOST_CONCURRENT = 1_000


def place(parent: str) -> tuple[str, str]:
    """Project and location. Raises INVALID_ARGUMENT."""
    found = _PARENT.fullmatch(parent)
    if not found:
        raise invalid_argument(f"The parent {parent!r} must be of the form projects/PROJECT/locations/LOCATION.")
    return found[1], found[2]


def check_service(name: str, service: Any) -> None:
    """Raises INVALID_ARGUMENT with everything that is wrong."""
    if not _SERVICE_ID.fullmatch(name):
        raise invalid_argument(
            f"service_id: {name!r} must begin with a letter and have fewer than 50 of a-z, 0-9, '-'."
        )
    template = service.template
    wrong = [*_owned(service), *_containers(template.containers)]
    if len(service.description) > 512:
        wrong.append("description: must have at most 512 characters")
    if not timedelta() <= template.timeout.ToTimedelta() <= LONGEST_REQUEST:
        wrong.append("template.timeout: must be at most 3600s")
    if not 0 <= template.max_instance_request_concurrency <= MOST_CONCURRENT:
        wrong.append(f"template.max_instance_request_concurrency: must be from 1 to {MOST_CONCURRENT}")
    scaling = template.scaling
    if scaling.max_instance_count and scaling.min_instance_count > scaling.max_instance_count:
        wrong.append("template.scaling: min_instance_count is above max_instance_count")
    wrong += _network(template)
    if service.traffic and sum(target.percent for target in service.traffic) != 100:
        wrong.append("traffic: the percentages must add up to 100")
    _raise(wrong)


def check_job(name: str, job: Any) -> None:
    """Raises INVALID_ARGUMENT with everything that is wrong."""
    if not _JOB_ID.fullmatch(name):
        raise invalid_argument(f"job_id: {name!r} must begin with a letter and have fewer than 64 of a-z, 0-9, '-'.")
    task = job.template.template
    wrong = [*_owned(job), *_containers(task.containers), *_network(task)]
    if not 0 <= task.max_retries <= 10:
        wrong.append("template.template.max_retries: must be from 0 to 10")
    if not 0 <= job.template.task_count <= 10_000:
        wrong.append("template.task_count: must be from 1 to 10000")
    if not timedelta() <= task.timeout.ToTimedelta() <= LONGEST_TASK:
        wrong.append("template.template.timeout: must be at most 7 days")
    if job.start_execution_token or job.run_execution_token:
        wrong.append("start_execution_token, run_execution_token: localcloud has RunJob only")
    _raise(wrong)


def fill_container(container: Any) -> None:
    """What Cloud Run sets where a container says nothing."""
    limits = container.resources.limits
    limits["cpu"] = limits.get("cpu", "1000m")
    limits["memory"] = limits.get("memory", "512Mi")


def fill_service(service: Any, account: str) -> None:
    """The same for a whole service; its first container with a port is the one that is served."""
    template = service.template
    for container in template.containers:
        if not container.HasField("resources"):
            container.resources.cpu_idle = True
        fill_container(container)
    first = template.containers[0]
    if not first.ports:
        first.ports.append(ContainerPort(name="http1", container_port=8080))
    first.ports[0].name = first.ports[0].name or "http1"
    if not first.HasField("startup_probe"):
        probe = first.startup_probe
        probe.timeout_seconds = probe.period_seconds = 240
        probe.failure_threshold = 1
        probe.tcp_socket.port = first.ports[0].container_port
    for kind in ("startup_probe", "liveness_probe"):
        if first.HasField(kind):
            fill_probe(getattr(first, kind), first.ports[0].container_port)
    if not template.timeout.ToTimedelta():
        template.timeout.FromTimedelta(timedelta(seconds=300))
    template.max_instance_request_concurrency = template.max_instance_request_concurrency or 80
    template.scaling.max_instance_count = template.scaling.max_instance_count or 100
    template.service_account = template.service_account or account
    service.ingress = service.ingress or 1


def fill_job(job: Any, account: str) -> None:
    task = job.template.template
    for container in task.containers:
        fill_container(container)
    job.template.task_count = job.template.task_count or 1
    if not task.HasField("max_retries"):
        task.max_retries = 3
    if not task.timeout.ToTimedelta():
        task.timeout.FromTimedelta(timedelta(seconds=600))
    task.service_account = task.service_account or account


def fill_probe(probe: Any, port: int) -> None:
    probe.timeout_seconds = probe.timeout_seconds or 1
    probe.period_seconds = probe.period_seconds or 10
    probe.failure_threshold = probe.failure_threshold or 3
    if probe.HasField("http_get"):
        probe.http_get.path = probe.http_get.path or "/"
        probe.http_get.port = probe.http_get.port or port


def _owned(resource: Any) -> Iterator[str]:
    if len(resource.labels) > 64:
        yield "labels: at most 64 are allowed"
    for kind in ("labels", "annotations"):
        for key in getattr(resource, kind):
            if key.startswith(_RESERVED_NAMESPACES):
                yield f"{kind}: {key} is in a namespace that Cloud Run keeps for itself"


def _containers(containers: Any) -> Iterator[str]:
    if not containers:
        yield "template.containers: one is needed"
    for number, container in enumerate(containers):
        at = f"template.containers[{number}]"
        if not container.image:
            yield f"{at}.image: must be set"
        yield from (f"{at}.{what}" for what in (*_env(container), *_limits(container), *_probes(container)))
        for port in container.ports:
            if not 0 < port.container_port < 65_536 or port.name not in ("", "http1", "h2c"):
                yield f"{at}.ports: a port from 1 to 65535, named http1 or h2c, is needed"
        if len(container.ports) > 1:
            yield f"{at}.ports: only one port can be given"


def _env(container: Any) -> Iterator[str]:
    names = [variable.name for variable in container.env]
    for variable in container.env:
        if not variable.name or names.count(variable.name) > 1:
            yield f"env: the name {variable.name!r} is empty or given twice"
        if variable.name in _RESERVED_VARIABLES:
            yield f"env: {variable.name} is reserved"
        reference = variable.value_source.secret_key_ref
        if variable.HasField("value_source") and not reference.secret:
            yield f"env: {variable.name} must name a secret"


def _limits(container: Any) -> Iterator[str]:
    limits = dict(container.resources.limits)
    unknown = sorted(set(limits) - {"cpu", "memory", "nvidia.com/gpu"})
    if unknown:
        yield f"resources.limits: {', '.join(unknown)} is not supported"
    cpu, memory = _CPU.get(limits.get("cpu", "1")), _MEMORY.fullmatch(limits.get("memory", "512Mi"))
    if cpu is None:
        yield f"resources.limits.cpu: {limits['cpu']!r} must be 1, 2, 4, 6 or 8"
    elif memory is None:
        yield f"resources.limits.memory: {limits['memory']!r} must be such as 512Mi or 2Gi"
    elif int(memory[1]) * (1024 if memory[2].startswith("G") else 1) < _LEAST_MEMORY[cpu]:
        yield f"resources.limits.memory: {cpu} CPUs need at least {_LEAST_MEMORY[cpu]}Mi"


def _probes(container: Any) -> Iterator[str]:
    for kind, longest in (("startup_probe", 240), ("liveness_probe", 3600)):
        probe = getattr(container, kind)
        if not container.HasField(kind):
            continue
        if not probe.WhichOneof("probe_type"):
            yield f"{kind}: one of http_get, tcp_socket, grpc is needed"
        if probe.initial_delay_seconds > longest or probe.period_seconds > longest:
            yield f"{kind}: delay and period are at most {longest} seconds"
        if (probe.timeout_seconds or 1) > (probe.period_seconds or 10):
            yield f"{kind}: timeout_seconds is above period_seconds"


def _network(template: Any) -> Iterator[str]:
    access = template.vpc_access
    if access.connector and access.network_interfaces:
        yield "template.vpc_access: a connector and network_interfaces exclude each other"
    if len(access.network_interfaces) > 1:
        yield "template.vpc_access.network_interfaces: only one is supported"
    for interface in access.network_interfaces:
        if not (interface.network or interface.subnetwork):
            yield "template.vpc_access.network_interfaces: network or subnetwork is needed"


def _raise(wrong: list[str]) -> None:
    if wrong:
        raise invalid_argument(f"Violation in request: {'; '.join(wrong)}.")
