"""What Cloud Run services and jobs have in common: one container, and whether Cloud Run is content with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from google.cloud.run_v2.types import Condition, EnvVar, ExecutionEnvironment, VpcAccess

from director.documents.inline_secrets import inline_secrets
from director.documents.specs.programs import in_argv
from director.documents.specs.run import Container as Spec
from director.documents.specs.run import mebibytes
from director.provisioning.base import Context, Labels, Verdict, mutable
from director.resources.entries import exactly
from director.resources.programs import account
from director.resources.rules import where_said

READY = "ready"
ROLLING_OUT = "rolling out"
HIDDEN = "(looks like a secret, so not shown)"
_ENVIRONMENTS = {
    "gen1": ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN1,
    "gen2": ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2,
}
_EGRESS = {
    "all-traffic": VpcAccess.VpcEgress.ALL_TRAFFIC,
    "private-ranges-only": VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY,
}


Variables = Annotated[Mapping[str, str], exactly]


@dataclass(frozen=True, slots=True)
class Vpc:
    network: str
    subnetwork: str
    egress: str

    def __str__(self) -> str:
        return f"{self.network or '-'}/{self.subnetwork or '-'} for {self.egress}"


def connected(live: Vpc | None, wanted: Vpc | None) -> Verdict | None:
    """The rule for a network: of network and subnetwork Cloud Run finds the one that is not said by the other."""
    if wanted is None or live is None:
        return where_said(live, wanted)
    found = replace(live, network=wanted.network and live.network, subnetwork=wanted.subnetwork and live.subnetwork)
    return mutable(found, wanted)


@dataclass(frozen=True, slots=True)
class Container:
    """Part of a state. `secret_env` has versions of secrets; `ready` says what keeps Cloud Run from being done."""

    image: str
    service_account: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Variables = field(default_factory=dict)
    secret_env: Variables = field(default_factory=dict)
    cpu: str = "1"
    memory: str = "512Mi"
    vpc: Annotated[Vpc | None, connected] = None
    execution_environment: Annotated[str | None, where_said] = None
    labels: Labels = field(default_factory=dict)
    ready: str = READY


def said(context: Context, spec: Spec) -> dict[str, Any]:
    """The fields of Container that a document asks for."""
    vpc = spec.vpc and Vpc(spec.vpc.network or "", spec.vpc.subnetwork or "", spec.vpc.egress)
    return {
        "image": spec.image,
        "service_account": account(context, spec),
        "command": spec.command,
        "args": spec.args,
        "env": spec.env,
        "secret_env": {name: _version(secret, context.project) for name, secret in spec.secret_env.items()},
        "cpu": spec.cpu,
        "memory": _memory(spec.memory),
        "vpc": vpc,
        "execution_environment": spec.execution_environment,
        "labels": context.labels(spec.labels),
    }


def seen(resource: Any, template: Any, ready: str) -> dict[str, Any]:
    """The fields of Container as they are in a service or job, and in its template that has the containers."""
    container, project = template.containers[0], resource.name.split("/")[1]
    secret = {one.name: one.value_source.secret_key_ref for one in container.env if "value_source" in one}
    return {
        "image": container.image,
        "service_account": template.service_account,
        "command": _shown(container.command),
        "args": _shown(container.args),
        "env": {one.name: _hidden(one.name, one.value) for one in container.env if one.name not in secret},
        "secret_env": {
            name: _version(f"{reference.secret}/versions/{reference.version or 'latest'}", project)
            for name, reference in secret.items()
        },
        "cpu": _cpu(container.resources.limits.get("cpu", "1")),
        "memory": _memory(container.resources.limits.get("memory", "512Mi")),
        "vpc": _vpc(template.vpc_access),
        "execution_environment": _name(_ENVIRONMENTS, template.execution_environment),
        "labels": dict(resource.labels),
        "ready": ready,
    }


def fill(template: Any, state: Container, fields: Iterable[str]) -> None:
    """Puts the fields that differ into a template; what a document cannot say stays."""
    fields, container = set(fields), template.containers[0]
    for name in fields & {"image", "command", "args"}:
        setattr(container, name, getattr(state, name))
    if fields & {"env", "secret_env"}:
        container.env = [*_plain(state.env), *_secret(state.secret_env)]
    for name in fields & {"cpu", "memory"}:
        container.resources.limits[name] = getattr(state, name)
    if "service_account" in fields:
        template.service_account = state.service_account
    if "vpc" in fields and state.vpc:
        interface = {"network": state.vpc.network, "subnetwork": state.vpc.subnetwork}
        template.vpc_access = VpcAccess(network_interfaces=[interface], egress=_EGRESS[state.vpc.egress])
    if "execution_environment" in fields and state.execution_environment:
        template.execution_environment = _ENVIRONMENTS[state.execution_environment]


def reason(condition: Any) -> str:
    """Why something did not turn ready, in Google's words."""
    for kind in ("reason", "revision_reason", "execution_reason"):
        if kind in condition:
            return f"{getattr(condition, kind).name}: {condition.message or 'no more is said'}"
    return condition.message or "no reason given"


def readiness(resource: Any) -> str:
    """Of a service or job."""
    state = resource.terminal_condition.state
    if resource.reconciling or state in (Condition.State.CONDITION_PENDING, Condition.State.CONDITION_RECONCILING):
        return ROLLING_OUT
    return f"failed, {reason(resource.terminal_condition)}" if state == Condition.State.CONDITION_FAILED else READY


def _plain(env: Mapping[str, str]) -> list[Any]:
    return [EnvVar(name=name, value=value) for name, value in sorted(env.items())]


def _secret(env: Mapping[str, str]) -> list[Any]:
    found = []
    for name, secret in sorted(env.items()):
        of, _, version = secret.partition("/versions/")
        found.append(EnvVar(name=name, value_source={"secret_key_ref": {"secret": of, "version": version}}))
    return found


def _version(secret: str, project: str) -> str:
    """In full: a secret of the same project may be named alone."""
    full = secret if secret.startswith("projects/") else f"projects/{project}/secrets/{secret}"
    return full if "/versions/" in full else f"{full}/versions/latest"


def _cpu(text: str) -> str:
    return str(int(text[:-1]) // 1000) if text.endswith("000m") else text


def _memory(text: str) -> str:
    """Written with the largest unit that fits. Others' units are left as they are."""
    try:
        size = mebibytes(text)
    except ValueError:
        return text
    return f"{size // 1024}Gi" if size % 1024 == 0 else f"{size}Mi"


def _vpc(access: Any) -> Vpc | None:
    if not access.network_interfaces:
        return None
    interface = access.network_interfaces[0]
    return Vpc(interface.network, interface.subnetwork, _name(_EGRESS, access.egress) or "private-ranges-only")


def _hidden(name: str, value: str) -> str:
    return HIDDEN if next(inline_secrets({name: value}), None) else value


def _shown(arguments: Iterable[str]) -> tuple[str, ...]:
    arguments = tuple(arguments)
    return (HIDDEN,) if any(in_argv(arguments)) else arguments


def _name(values: Mapping[str, Any], value: Any) -> str | None:
    return next((name for name, known in values.items() if known == value), None)
