"""What a service is told: its own free-form configuration with the names of the resources it is linked to. Pure."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from director.documents.drafts import Draft
from director.documents.kinds import Site
from director.documents.links import LinkDraft, links, variables
from director.positions import Location

Conflict = tuple[Location, str]


@dataclass(frozen=True, slots=True)
class Configuration:
    """One service's slice, and nothing of anyone else's. `environment` are the variables of its process."""

    project: str
    dataflow: str
    service: str
    config: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)


def configurations(architecture: Draft) -> tuple[dict[tuple[str, str], Configuration], list[Conflict]]:
    """The slice of every (dataflow, service), and each key that is given two values or cannot be reached."""
    site = Site(architecture.text("project_id") or "", architecture.text("region") or "")
    suffix = architecture.text("name_suffix")
    slices: dict[tuple[str, str], Configuration] = {}
    conflicts: list[Conflict] = []
    for name, dataflow in architecture.children("dataflows").items():
        given, of_environment = list(links(site, dataflow)), list(variables(site, dataflow, suffix))
        for service, draft in dataflow.children("services").items():
            config, found = merged(draft.inner("config").data, _of(service, given))
            known = {"PROJECT_ID": site.project, "DATAFLOW_NAME": name, "SERVICE_NAME": service}
            written = [*_written(service, draft), *_of(service, of_environment)]
            environment, clashes = with_variables(known, written)
            slices[name, service] = Configuration(site.project, name, service, config, environment)
            conflicts += (*found, *clashes, *_secret_too(service, draft, environment))
    return slices, conflicts


def merged(written: Mapping[str, Any], links: Iterable[LinkDraft]) -> tuple[dict[str, Any], list[Conflict]]:
    """`written` with every link's value at its dotted key. What is there already must be equal."""
    config: dict[str, Any] = copy.deepcopy(dict(written))
    conflicts = []
    for link in links:
        problem = _set(config, link.key.split("."), link.value)
        if problem:
            conflicts.append((link.location, f"config of '{link.service}': {link.key} {problem}"))
    return config, conflicts


def with_variables(known: Mapping[str, str], links: Iterable[LinkDraft]) -> tuple[dict[str, str], list[Conflict]]:
    """`known` with the variable of every link. What is there already must be equal."""
    environment = dict(known)
    conflicts = []
    for link in links:
        of = f"environment of '{link.service}':"
        if not link.key:
            conflicts.append((link.location, f"{of} this resource has no variable of its own; add key: A_VARIABLE"))
        elif environment.setdefault(link.key, link.value) != link.value:
            conflicts.append((link.location, f"{of} {link.key} {_other(link.value)}"))
    return environment, conflicts


def _of(service: str, links: Iterable[LinkDraft]) -> list[LinkDraft]:
    return [link for link in links if link.service == service]


def _written(service: str, draft: Draft) -> Iterator[LinkDraft]:
    """The variables that the service's deployment sets itself."""
    variables = draft.inner("deployment").inner("environment_vars")
    for name in variables.data:
        value = variables.text(name)
        if value is not None:
            yield LinkDraft(service, name, value, (*variables.location, name))


def _secret_too(service: str, draft: Draft, environment: Mapping[str, str]) -> Iterator[Conflict]:
    own = draft.inner("deployment").inner("environment_vars").data
    for variable in draft.inner("deployment").items("secret_environment_vars"):
        name = variable.text("name")
        if name in environment and name not in own:  # its own are compared where the deployment is checked
            message = f"environment of '{service}': {name} has another value already, which is no secret; keep one"
            yield (*variable.location, "name"), message


def _set(config: dict[str, Any], path: list[str], value: str) -> str | None:
    *outer, last = path
    for depth, part in enumerate(outer, 1):
        config = config.setdefault(part, {})
        if not isinstance(config, dict):
            return f"is to hold '{value}', but {'.'.join(path[:depth])} is a value; rename one of them"
    return None if config.setdefault(last, value) == value else _other(value)


def _other(value: str) -> str:
    return f"is to hold '{value}', but has another value already; keep one"
