"""How and where a service runs, for whoever deploys it. Names are those of older documents, which load as they are."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import Region
from director.names import VariableName, matching
from director.strict import Strict

_CPU = re.compile(r"[0-9]+(\.[0-9]+)?|[1-9][0-9]*m")


def _cpu(written: str | float) -> str:
    text = f"{written:g}" if isinstance(written, float) else str(written)
    if not _CPU.fullmatch(text) or not text.strip("0."):
        raise ValueError(f"{text[:40]!r} is no number of processors; write 1, 0.5 or 500m")
    return text


class HealthCheck(Strict):
    """Where a service says that it is well."""

    port: Annotated[int, Field(ge=1, le=65_535)]
    path: Annotated[str, Field(pattern=r"^/[^\s?#]*$", max_length=256)] = "/healthz"


class SecretVariable(Strict):
    """A variable that is filled from Secret Manager: `value_from` is a secret of the project, or its full name."""

    name: VariableName
    value_from: Annotated[
        str,
        matching(
            "name of a secret",
            r"(projects/[^/\s]+/secrets/)?[A-Za-z0-9_-]{1,255}(/versions/[^/\s]+)?",
            "that of one in this project, or projects/PROJECT/secrets/SECRET; never the secret itself",
        ),
    ]


class Deployment(Strict):
    """What a service is built from, and what it runs with."""

    platform: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    source_path: Annotated[str, Field(min_length=1)] | None = None
    buildable_module_path: Annotated[str, Field(min_length=1)] | None = None
    image: Annotated[str, Field(pattern=r"^[^\s]+$")] | None = None
    region: Region | None = None
    cpu: Annotated[str | int | float, AfterValidator(_cpu)] = "1"
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)?$")] = "512Mi"
    min_instances: Annotated[int, Field(ge=0)] | None = None
    max_instances: Annotated[int, Field(ge=1)] | None = None
    environment_vars: dict[VariableName, str] = Field(default_factory=dict)
    secret_environment_vars: tuple[SecretVariable, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_instances is not None and (self.min_instances or 0) > self.max_instances:
            raise ValueError("min_instances is above max_instances; swap them")
        return self

    @model_validator(mode="after")
    def _one_value_each(self) -> Self:
        secret = [variable.name for variable in self.secret_environment_vars]
        twice = sorted({name for name in secret if secret.count(name) > 1 or name in self.environment_vars})
        if twice:
            raise ValueError(f"secret_environment_vars: {twice[0]} has another value already; keep one")
        return self
