"""What documents say of any program that Google runs for us: whose rights it has, and what it is told."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.drafts import Draft, resources
from director.documents.inline_secrets import inline_secrets
from director.documents.specs.accounts import ServiceAccountReference
from director.documents.specs.resource import Resource
from director.names import VariableName
from director.positions import Location
from director.strict import similar

_RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})


def _unreserved(name: str) -> str:
    if name in _RESERVED or name.startswith("CLOUD_RUN_"):
        raise ValueError(f"{name} is set by Cloud Run itself; use another name")
    return name


def _of_its_own(account: str) -> str:
    if account.endswith(("@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")):
        raise ValueError("is a default account, which may do far too much; use an account of the program's own")
    return account


def in_argv(arguments: Iterable[str]) -> Iterator[str]:
    """The options whose values read like secrets: `--password=x`, `--password x`, `PASSWORD=x`."""
    for argument, following in itertools.pairwise((*arguments, "")):
        option, equals, value = argument.partition("=")
        if not equals and option.startswith("-") and not following.startswith("-"):
            value = following
        if next(inline_secrets({option.lstrip("-"): value}), None):
            yield option if equals or option.startswith("-") else "one of them"


def _without_secrets(arguments: tuple[str, ...]) -> tuple[str, ...]:
    for option in in_argv(arguments):
        raise ValueError(f"{option} holds a secret (not shown), and everybody can read arguments; use secret_env")
    return arguments


RuntimeAccount = Annotated[ServiceAccountReference, AfterValidator(_of_its_own)]
EnvName = Annotated[VariableName, AfterValidator(_unreserved)]
EnvValue = Annotated[str, Field(max_length=32_768)]
Arguments = Annotated[tuple[str, ...], Field(max_length=1_000), AfterValidator(_without_secrets)]


class Program(Resource):
    """Runs as `service_account`: an account's name in this project, or its e-mail address.

    With `service` it is that service of the dataflow, and has the account that the service has.
    """

    service: str | None = None
    service_account: RuntimeAccount | None = None

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        if (self.service is None) == (self.service_account is None):
            raise ValueError(
                "whose rights it has must be said once: name a service of this dataflow, or a service_account"
            )
        return self


def of_services(kind: str) -> Callable[[Draft], Iterator[tuple[Location, str]]]:
    """The check that each program of a kind is a service of its dataflow, where it says so."""

    def findings(dataflow: Draft) -> Iterator[tuple[Location, str]]:
        services = dataflow.inner("services").data
        for program in resources(dataflow, kind):
            name = program.text("service")
            if name is not None and name not in services:
                yield (*program.location, "service"), f"no service '{name}' here; {similar(name, services)}"

    return findings
