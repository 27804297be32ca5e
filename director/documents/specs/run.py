"""Cloud Run in documents: services and jobs.

Limits: https://cloud.google.com/run/docs/configuring, and the comments of google.cloud.run.v2.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from director.documents.regions import Region
from director.documents.specs.programs import Arguments, EnvName, EnvValue, Program
from director.names import CloudRunJobName, CloudRunServiceName, Labels
from director.strict import Duration, Strict, between, written

CPUS = ("1", "2", "4", "6", "8")
LEAST_MEMORY = {"1": 128, "2": 128, "4": 2048, "6": 4096, "8": 4096}  # MiB
LEAST_OF_GEN2 = 512  # MiB
MOST_MEMORY = {"1": 4096, "2": 8192, "4": 16_384, "6": 24_576, "8": 32_768}  # MiB

_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[^\s@]+:([\w][\w.-]{0,127})")
_MEMORY = re.compile(r"([1-9]\d{0,5})(Mi|Gi)", re.ASCII)
_VERSION = r"(/versions/(latest|[0-9]+|[A-Za-z][A-Za-z0-9_-]{0,62}))?"
_SECRET = re.compile(r"projects/[a-z0-9:.-]+/secrets/[A-Za-z0-9_-]{1,255}" + _VERSION)


def _image(text: str) -> str:
    """A tag can be moved, but not unnoticed to `latest`."""
    if _DIGEST.fullmatch(text):
        return text
    tag = _TAG.fullmatch(text)
    if not tag or "/" in tag[1] or tag[1] == "latest":
        raise ValueError(
            f"{text[:120]!r} may be another image tomorrow; write IMAGE@sha256:DIGEST or a tag, not latest"
        )
    return text


def _whole(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _cpu(text: str) -> str:
    if text not in CPUS:
        raise ValueError(f"is {text[:20]!r}; Cloud Run has {', '.join(CPUS[:-1])} or {CPUS[-1]} CPUs")
    return text


def mebibytes(text: str) -> int:
    """Raises ValueError."""
    found = _MEMORY.fullmatch(text)
    if not found:
        raise ValueError(f"is {text[:20]!r}; write memory such as 512Mi or 2Gi")
    return int(found[1]) * (1024 if found[2] == "Gi" else 1)


def _memory(text: str) -> str:
    mebibytes(text)
    return text


def _seconds(value: timedelta) -> timedelta:
    if value.microseconds:
        raise ValueError("Cloud Run counts whole seconds; round it")
    return value


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError("is no name of a secret (not shown); write projects/PROJECT/secrets/SECRET[/versions/VERSION]")
    return text


Image = Annotated[str, Field(max_length=512), AfterValidator(_image)]
Cpu = Annotated[str, BeforeValidator(_whole), AfterValidator(_cpu), WithJsonSchema({"enum": [*map(int, CPUS), *CPUS]})]
Memory = Annotated[str, AfterValidator(_memory)]
SecretName = Annotated[str, AfterValidator(_secret)]
Seconds = Annotated[Duration, AfterValidator(_seconds)]


class Vpc(Strict):
    """The network that outgoing traffic takes; at least one of network and subnetwork."""

    network: str | None = None
    subnetwork: str | None = None
    egress: Literal["private-ranges-only", "all-traffic"] = "private-ranges-only"

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.network or self.subnetwork):
            raise ValueError("network or subnetwork is needed; name one")
        return self


class Probe(Strict):
    """An HTTP GET that has to succeed; on the container's port unless another is named."""

    path: Annotated[str, Field(pattern=r"^/\S*$", max_length=1024)]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    initial_delay: Annotated[Seconds, between("0s", "1h")] = timedelta(0)
    period: Annotated[Seconds, between("1s", "1h")] = timedelta(seconds=10)
    timeout: Annotated[Seconds, between("1s", "1h")] = timedelta(seconds=1)
    failure_threshold: Annotated[int, Field(ge=1, le=1_000)] = 3

    @model_validator(mode="after")
    def _answers_in_time(self) -> Self:
        if self.timeout > self.period:
            raise ValueError("timeout is above period; make it shorter")
        return self


class Container(Program):
    """What services and jobs have in common: one container, and what it may use.

    `env` is everything the container is told; `secret_env` names secrets, whose values only the container reads.
    """

    location: Region | None = None
    image: Image
    labels: Labels = Field(default_factory=dict)
    command: Arguments = ()
    args: Arguments = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    secret_env: dict[EnvName, SecretName] = Field(default_factory=dict)
    cpu: Cpu = "1"
    memory: Memory = "512Mi"
    vpc: Vpc | None = None
    execution_environment: Literal["gen1", "gen2"] | None = None

    @model_validator(mode="after")
    def _each_variable_once(self) -> Self:
        twice = sorted(set(self.env) & set(self.secret_env))
        if twice:
            raise ValueError(f"{twice[0]} is in env and in secret_env; keep one")
        return self

    @model_validator(mode="after")
    def _memory_for_the_cpus(self) -> Self:
        given = mebibytes(self.memory)
        if not LEAST_MEMORY[self.cpu] <= given <= MOST_MEMORY[self.cpu]:
            least, most = LEAST_MEMORY[self.cpu], MOST_MEMORY[self.cpu]
            raise ValueError(f"memory: with {self.cpu} CPUs from {least}Mi to {most}Mi is allowed, not {self.memory}")
        if self.execution_environment == "gen2" and given < LEAST_OF_GEN2:
            raise ValueError(f"memory: gen2 needs at least {LEAST_OF_GEN2}Mi, not {self.memory}")
        return self


class CloudRunService(Container):
    """A Cloud Run service, closed to the internet unless it says so, and to everybody without a role.

    Where it runs a service of the dataflow that consumes messages, CPU is always allocated and one instance is always
    there: a consumer works without being asked.
    """

    name: CloudRunServiceName
    description: str = Field("", max_length=512)
    port: Annotated[int, Field(ge=1, le=65_535)] = 8080
    http2: bool = False
    min_instances: Annotated[int, Field(ge=0, le=1_000)] | None = None
    max_instances: Annotated[int, Field(ge=1, le=1_000)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=1_000)] | None = None
    timeout: Annotated[Seconds, between("1s", "1h")] | None = None
    cpu_always_allocated: bool | None = None
    ingress: Literal["internal", "internal-and-cloud-load-balancing", "all"] = "internal"
    startup_probe: Probe | None = None
    liveness_probe: Probe | None = None

    @model_validator(mode="after")
    def _some_instances(self) -> Self:
        if self.max_instances is not None and (self.min_instances or 0) > self.max_instances:
            raise ValueError("min_instances is above max_instances; swap them")
        return self

    @model_validator(mode="after")
    def _starts_soon(self) -> Self:
        probe = self.startup_probe
        if probe and max(probe.initial_delay, probe.period) > timedelta(seconds=240):
            raise ValueError("startup_probe: initial_delay and period are at most 240s")
        if probe and probe.failure_threshold * probe.period > timedelta(seconds=240):
            given = written(probe.failure_threshold * probe.period)
            raise ValueError(f"startup_probe: failure_threshold times period gives 240s at most to start, not {given}")
        return self


class CloudRunJob(Container):
    """A Cloud Run job. The director makes it; when it runs is up to others, such as a scheduler job.

    Jobs run in the second generation of execution environments, whatever is said.
    """

    name: CloudRunJobName
    tasks: Annotated[int, Field(ge=1, le=10_000)] = 1
    parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    max_retries: Annotated[int, Field(ge=0, le=10)] = 3
    timeout: Annotated[Seconds, between("1s", "7d")] = timedelta(minutes=10)

    @model_validator(mode="after")
    def _second_generation(self) -> Self:
        if self.execution_environment == "gen1":
            raise ValueError("execution_environment: jobs have gen2 alone; remove it")
        if mebibytes(self.memory) < LEAST_OF_GEN2:
            raise ValueError(f"memory: jobs run in gen2; gen2 needs at least {LEAST_OF_GEN2}Mi, not {self.memory}")
        return self
