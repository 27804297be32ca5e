"""What all kinds of resources have in common in documents."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from director.names import config_key, variable_name
from director.strict import Strict


class Lookup(Strict):
    """Where the resource's name goes: to a dotted path in the service's configuration (`yaml`, which older documents
    call `db` too), or with `env` to a variable of its environment, which without a key is named after the resource.
    """

    method: Literal["env", "yaml", "db"] = "yaml"
    key: str | None = Field(None, validate_default=True)

    @field_validator("key")
    @classmethod
    def _key_of_its_method(cls, key: str | None, info: ValidationInfo) -> str | None:
        of_environment = info.data.get("method") == "env"
        if key is None and not of_environment and "method" in info.data:
            raise ValueError("has no key; add it, such as key: destinations.ingestion")
        if key is None:
            return None
        return variable_name(key) if of_environment else config_key(key)


class Link(Strict):
    """A service that uses a resource."""

    name: str
    lookup: Lookup


BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")
_ROLE = re.compile(r"roles/[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+|projects/[^/\s]+/roles/[A-Za-z0-9_.]{3,64}")
_ACCOUNT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9](@[a-z][a-z0-9.-]*\.iam\.gserviceaccount\.com)?")


def _role(text: str) -> str:
    if text in BASIC_ROLES:
        raise ValueError(f"'{text}' covers every service of a project; name a role of this one, as roles/pubsub.viewer")
    if not _ROLE.fullmatch(text):
        raise ValueError(f"{text[:100]!r} is no role; write roles/SERVICE.NAME or projects/PROJECT/roles/NAME")
    return text


class Access(Strict):
    """A role on a resource beyond what its links ask for: of a service of the dataflow, or of an account by name."""

    name: str
    role: Annotated[str, AfterValidator(_role)]
    type: Literal["service", "service-account"] = "service"

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.name in ("allUsers", "allAuthenticatedUsers"):
            raise ValueError(f"name: '{self.name}' is everybody, which is refused; name who needs it")
        if self.type == "service-account" and not _ACCOUNT.fullmatch(self.name):
            raise ValueError(f"name: '{self.name[:80]}' is no service account; write its name here, or its address")
        return self


DeletionPolicy = Literal["PREVENT", "ABANDON", "DELETE"]


class Resource(Strict):
    """What all resources have. A description stays here where Google's service has no field for it.

    `deletion_policy` says what a teardown does: nothing and says why, nothing, or delete. See `protection`.
    With `enforce` a director that looks for drift on a schedule undoes what others changed.
    """

    description: str = Field("", max_length=1024)
    deletion_policy: DeletionPolicy | None = None
    teardown_protection: bool = False
    enforce: bool = False
    iam_access_policy: tuple[Access, ...] = ()

    @property
    def links(self) -> tuple[Link, ...]:
        """Every service that writes to the resource or reads from it."""
        single = (getattr(self, "producer_service", None), getattr(self, "consumer_service", None))
        several = (*getattr(self, "producers", ()), *getattr(self, "consumers", ()))
        return (*(link for link in single if link), *several)
