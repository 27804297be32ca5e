"""What a deployment environment makes of an architecture: the base, with the environment's own values laid over it.

    deployment_environments:
      production:
        project_id: plant-production
        dataflows: {air: {resources: {topics: [{name: readings, message_retention_duration: 31d}]}}}

Mappings merge. Lists of things with a name merge by that; other lists, and single values, replace what is there. `null`
removes. An environment changes what there is: it adds no dataflow, service or resource. It may protect more than the
base and never less.
"""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from director.documents.drafts import Draft
from director.documents.guards import weakened
from director.positions import Location, Tree
from director.strict import Graft, Problem, Source, similar

ENVIRONMENTS, DEFAULT = "deployment_environments", "default_environment"
OWN_TO_THE_BASE = ("name", ENVIRONMENTS, DEFAULT)
TELLING_APART = ("dataset", "database")  # of resources that may have one name


def environments(data: Any) -> dict[str, Any]:
    """Those of a document, by name, as written."""
    written = data.get(ENVIRONMENTS) if isinstance(data, dict) else None
    return written if isinstance(written, dict) else {}


def chosen(source: Source, asked: str | None) -> tuple[str | None, list[Problem]]:
    """The environment that is asked for, or else the document's default, or none."""
    known = environments(source.data)
    default = source.data.get(DEFAULT) if isinstance(source.data, dict) else None
    problems = []
    if isinstance(default, str) and default not in known:
        problems.append(source.problem((DEFAULT,), f"no environment '{default}' here; {similar(default, known)}"))
    if asked is not None and asked not in known:
        advice = similar(asked, known) if known else "it has none; add it, or ask for none"
        problems.append(source.problem((ENVIRONMENTS,), f"no environment '{asked}' here; {advice}", at_key=True))
    name = asked if asked is not None else default
    return (name if isinstance(name, str) and name in known else None), problems


def overlaid(base: Source, name: str, missing: Iterable[str] = ()) -> tuple[Source, list[Problem]]:
    """The document as it is in the environment called `name`. Of `missing` dataflows nothing is known, and not said."""
    overlay = _Overlay(base, missing)
    at: Location = (ENVIRONMENTS, name)
    data = overlay.root(base.data, environments(base.data)[name], at)
    source = Source(base.name, Tree(data, base.tree.values, base.tree.keys), overlay.grafts)
    problems = overlay.problems
    problems += [source.problem(*finding) for finding in weakened(Draft(base.data), Draft(data))]
    return source, problems


class _Overlay:
    """Makes a new document of a base and what lies over it, and notes what comes from there."""

    def __init__(self, base: Source, missing: Iterable[str]) -> None:
        self._base = base
        self._missing = frozenset(missing)
        self.grafts: dict[Location, Graft] = dict(base.grafts)
        self.problems: list[Problem] = []

    def root(self, base: dict[str, Any], over: Any, at: Location) -> dict[str, Any]:
        if not isinstance(over, dict):
            self._refuse(at, "is no environment; write a mapping of what is different there")
            return base
        for key in OWN_TO_THE_BASE:
            if key in over:
                self._refuse((*at, key), f"{key} is the same in all environments; remove it here", at_key=True)
        changed = {key: value for key, value in over.items() if key not in OWN_TO_THE_BASE}
        return self._mapping(base, changed, (), at)

    def _merged(self, base: Any, over: Any, here: Location, at: Location) -> Any:
        if isinstance(base, dict) and isinstance(over, dict):
            return self._mapping(base, over, here, at)
        if _all_named(over) and (_all_named(base) or (_is_kind(here) and not base)):
            return self._by_name(base or [], over, here, at)
        return self._replaced(over, here, at)

    def _mapping(self, base: dict[str, Any], over: dict[str, Any], here: Location, at: Location) -> dict[str, Any]:
        merged = dict(base)
        for key, value in over.items():
            inside, source = (*here, key), (*at, key)
            if here == ("dataflows",) and key in self._missing:
                continue
            if key not in base and _of_things(here):
                self._refuse(source, _unknown(_of_things(here), key, base), at_key=True)
            elif key not in base and _holds_things(inside) and isinstance(value, dict):
                self._mapping({}, value, inside, source)
            elif key not in base and _is_kind(inside) and _all_named(value):
                self._by_name([], value, inside, source)
            elif key not in base and _is_kind(inside) and isinstance(value, list):
                self._refuse(source, f"no {key} here to change, and an environment adds none; remove it", at_key=True)
            elif key in base and _same(base[key], value):
                continue  # what is only repeated, such as the name that tells which one is meant
            elif value is None and key not in base:
                self._refuse(source, "there is nothing to remove; remove this line", at_key=True)
            elif value is None:
                del merged[key]
                self.grafts[inside] = Graft(self._base, source)
            else:
                merged[key] = self._merged(base.get(key), value, inside, source)
        return merged

    def _by_name(self, base: list[Any], over: list[Any], here: Location, at: Location) -> list[Any]:
        merged, changed = list(base), set[int]()
        for index, value in enumerate(over):
            alike = [position for position, one in enumerate(merged) if one["name"] == value["name"]]
            same = [position for position in alike if _agree(merged[position], value)] if len(alike) > 1 else alike
            if not alike:
                message = _unknown("thing", value["name"], (one["name"] for one in merged))
                self._refuse((*at, index, "name"), message)
            elif len(same) != 1:
                message = f"several are called '{value['name']}'; add which: {' or '.join(TELLING_APART)}"
                self._refuse((*at, index, "name"), message)
            elif same[0] in changed:
                message = f"'{value['name']}' is changed here already; make one of both"
                self._refuse((*at, index, "name"), message)
            else:
                changed.add(same[0])
                merged[same[0]] = self._mapping(merged[same[0]], value, (*here, same[0]), (*at, index))
        return merged

    def _replaced(self, over: Any, here: Location, at: Location) -> Any:
        self.grafts[here] = Graft(self._base, at)
        return deepcopy(over)

    def _refuse(self, at: Location, message: str, at_key: bool = False) -> None:
        self.problems.append(self._base.problem(at, message, at_key))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    advice = similar(name, names) if names else "remove it"
    return f"no {what} '{name}' here to change, and an environment adds none; {advice}"


def _of_things(here: Location) -> str:
    """What the keys of a mapping there name, where nothing may be added; else empty."""
    if here == ("dataflows",):
        return "dataflow"
    return "service" if len(here) == 3 and here[0] == "dataflows" and here[2] == "services" else ""


def _holds_things(here: Location) -> bool:
    return len(here) == 3 and here[0] == "dataflows" and here[2] in ("services", "resources")


def _is_kind(here: Location) -> bool:
    return len(here) == 4 and here[0] == "dataflows" and here[2] == "resources"


def _same(one: Any, other: Any) -> bool:
    """As JSON: 1 is not true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _all_named(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in value)


def _agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other[key] for key in TELLING_APART if key in other)
