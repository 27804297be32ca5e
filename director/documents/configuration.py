"""What a service is told: its own free-form configuration with the names of the resources it is linked to. Pure."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from director.documents.drafts import Draft
from director.documents.kinds import Site
from director.documents.links import LinkDraft, links
from director.positions import Location

Conflict = tuple[Location, str]


@dataclass(frozen=True, slots=True)
class Configuration:
    """One service's slice, and nothing of anyone else's."""

    project: str
    dataflow: str
    service: str
    config: Mapping[str, Any]


def configurations(architecture: Draft) -> tuple[dict[tuple[str, str], Configuration], list[Conflict]]:
    """The slice of every (dataflow, service), and each key that is given two values or cannot be reached."""
    site = Site(architecture.text("project_id") or "", architecture.text("region") or "")
    slices, conflicts = {}, []
    for name, dataflow in architecture.children("dataflows").items():
        given = list(links(site, dataflow))
        for service, draft in dataflow.children("services").items():
            own = [link for link in given if link.service == service]
            config, found = merged(draft.inner("config").data, own)
            slices[name, service] = Configuration(site.project, name, service, config)
            conflicts += found
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


def _set(config: dict[str, Any], path: list[str], value: str) -> str | None:
    *outer, last = path
    for depth, part in enumerate(outer, 1):
        config = config.setdefault(part, {})
        if not isinstance(config, dict):
            return f"is to hold '{value}', but {'.'.join(path[:depth])} is a value; rename one of them"
    if config.setdefault(last, value) != value:
        return f"is to hold '{value}', but has another value already; keep one"
    return None
