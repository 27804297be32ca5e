"""Who may do what: a YAML document of grants, and what the architecture grants its services by itself.

grants:
  - {identity: anna@example.com, role: admin, dataflows: ["*"]}
  - {identity: on-call@example.com, role: operator, dataflows: [environment]}
  - {identity: bridge@my-project.iam.gserviceaccount.com, role: service, dataflow: environment, service: bridge}
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from director.documents.model import Architecture
from director.names import Id, matching
from director.strict import DocumentError, Problem, Source, Strict, check, read, similar

Role = Literal["viewer", "operator", "admin", "service"]
EVERY = "*"
IdentityName = Annotated[
    str,
    matching(
        "identity",
        r"[a-z0-9][a-z0-9._%+-]{0,63}(@[a-z0-9][a-z0-9.-]{1,253})?",
        "an e-mail address in lower case, or the name of an API key",
    ),
]


class Grant(Strict):
    """A role on some dataflows, or that of a service on its own slice of one."""

    identity: IdentityName
    role: Role
    dataflows: tuple[Id | Literal["*"], ...] = ()
    dataflow: Id | None = None
    service: Id | None = None

    @model_validator(mode="after")
    def _fits_the_role(self) -> Self:
        if self.role == "service":
            if self.dataflow is None or self.service is None or self.dataflows:
                raise ValueError("a service's grant names one dataflow and one service, and no dataflows; change it")
        elif not self.dataflows or self.dataflow is not None or self.service is not None:
            raise ValueError('name the dataflows, or ["*"] for all; dataflow and service are for role service')
        return self

    def covers(self, dataflow: str) -> bool:
        return EVERY in self.dataflows or dataflow in self.dataflows or dataflow == self.dataflow

    def includes(self, service: str | None) -> bool:
        """Another service of the same dataflow is as foreign to a service as another dataflow."""
        return self.service is None or service in (None, self.service)


class Policy(Strict):
    """Grants add up; what none of them allows is refused."""

    grants: Annotated[tuple[Grant, ...], Field(min_length=1, max_length=10_000)]


def load(path: Path, architecture: Architecture) -> Policy:
    """Raises DocumentError with every problem, names that the architecture does not have among them."""
    source = read(path)
    policy, problems = check(source, Policy)
    problems += list(_unknown(source, architecture))
    if policy is None or problems:
        raise DocumentError(problems)
    return policy


def own_slices(architecture: Architecture) -> tuple[Grant, ...]:
    """Every service's account gets the service's own slice: the document that names the account says so."""
    project = architecture.project_id
    return tuple(
        Grant(
            identity=f"{service.service_account}@{project}.iam.gserviceaccount.com",
            role="service",
            dataflow=dataflow,
            service=name,
        )
        for dataflow, spec in architecture.dataflows.items()
        for name, service in spec.services.items()
    )


def _unknown(source: Source, architecture: Architecture) -> Iterator[Problem]:
    grants = source.data.get("grants") if isinstance(source.data, Mapping) else None
    known = architecture.dataflows
    for index, grant in enumerate(grants if isinstance(grants, list) else ()):
        if not isinstance(grant, Mapping):
            continue
        place = ("grants", index)
        several, dataflow, service = grant.get("dataflows"), grant.get("dataflow"), grant.get("service")
        for number, name in enumerate(several if isinstance(several, list) else ()):
            if isinstance(name, str) and name != EVERY and name not in known:
                yield source.problem((*place, "dataflows", number), f"no dataflow '{name}'; {similar(name, known)}")
        if isinstance(dataflow, str) and dataflow not in known:
            yield source.problem((*place, "dataflow"), f"no dataflow '{dataflow}'; {similar(dataflow, known)}")
        elif isinstance(dataflow, str) and isinstance(service, str) and service not in known[dataflow].services:
            advice = similar(service, known[dataflow].services)
            yield source.problem((*place, "service"), f"no service '{service}' in '{dataflow}'; {advice}")
