"""Where parts of a configuration do not fit each other: the place in the document, and what to do. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from bridge.routes.model import Route, Treatment
from bridge.routes.routing import overlapping
from bridge.routes.templates import Template
from bridge.routes.told import ROUTE_ATTRIBUTES

Location = tuple[str, ...]
Misfit = tuple[Location, str]
DEFAULT_ROUTE = "default"  # what the default route is called where routes are named


def misfits(
    routes: Mapping[str, Route],
    default_route: Treatment | None,
    destinations: Iterable[str],
    on_overlap: str,
    status_topic: str | None,
) -> list[Misfit]:
    """Everything that does not fit, for all routes at once."""
    known = set(destinations)
    treated: list[tuple[Location, Treatment, frozenset[str]]] = [
        (("routes", name), route, route.topic_filter.names) for name, route in routes.items()
    ]
    if default_route:
        treated.append((("default_route",), default_route, frozenset()))
    return [
        *(misfit for where, treatment, _ in treated for misfit in _destination(where, treatment, known)),
        *_unused(known, [treatment for _, treatment, _ in treated]),
        *(misfit for where, treatment, names in treated for misfit in _captures(where, treatment, names)),
        *(misfit for name, route in routes.items() for misfit in _route(name, route)),
        *(_own_status(routes, status_topic) if status_topic else ()),
        *(_overlaps(routes) if on_overlap == "refuse" else _shadowed(routes) if on_overlap == "first" else ()),
    ]


def _destination(where: Location, treatment: Treatment, known: set[str]) -> Iterator[Misfit]:
    template = treatment.destination
    if any(template.may_become(name) for name in known):
        return
    if template.captures:
        problem = f"{template.text!r} can become none of the destinations; there are: {_listed(known)}"
    else:
        problem = f"no destination is called {template.text!r}; there are: {_listed(known)}"
    yield (*where, "destination"), problem


def _unused(known: set[str], treatments: list[Treatment]) -> Iterator[Misfit]:
    for name in sorted(known):
        if not any(treatment.destination.may_become(name) for treatment in treatments):
            yield ("destinations", name), "no route leads here; remove it or add a route"


def _captures(where: Location, treatment: Treatment, names: frozenset[str]) -> Iterator[Misfit]:
    """Templates that use what the filter does not capture."""
    templates: list[tuple[Location, Template]] = [(("destination",), treatment.destination)]
    templates += [(("attributes", name), template) for name, template in treatment.attributes.items()]
    if treatment.ordering_key:
        templates.append((("ordering_key",), treatment.ordering_key))
    for part, template in templates:
        for unknown in sorted(set(template.captures) - names):
            yield (*where, *part), _uncaptured(unknown, names)


def _route(name: str, route: Route) -> Iterator[Misfit]:
    names = route.topic_filter.names
    if route.subject is not None and route.subject not in names:
        yield ("routes", name, "subject"), _uncaptured(route.subject, names)
    if len(names) + len(route.attributes) > ROUTE_ATTRIBUTES:
        found = f"{len(names)} captures and {len(route.attributes)} attributes"
        yield ("routes", name), f"{found}: {ROUTE_ATTRIBUTES} together are what an envelope has room for"


def _uncaptured(name: str, names: Iterable[str]) -> str:
    return f"the filter captures no {name!r}; it captures: {_listed(names)}"


def _overlaps(routes: Mapping[str, Route]) -> Iterator[Misfit]:
    for one, other in overlapping([(name, route.topic_filter) for name, route in routes.items()]):
        advice = "narrow one, or set on_overlap to first or all"
        yield ("routes", other, "filter"), f"a topic may match this and the filter of route {one!r}; {advice}"


def _shadowed(routes: Mapping[str, Route]) -> Iterator[Misfit]:
    filters = [(name, route.topic_filter) for name, route in routes.items()]
    for (one, earlier), (other, later) in combinations(filters, 2):
        if earlier.covers(later):
            yield ("routes", other, "filter"), f"every topic that matches goes to route {one!r}; put this one before it"


def _own_status(routes: Mapping[str, Route], status_topic: str) -> Iterator[Misfit]:
    mqtt_topics = [status_topic.split("/"), [*status_topic.split("/"), "0"]]  # alone, and as a member of a group
    for name, route in routes.items():
        if any(route.topic_filter.match(levels) is not None for levels in mqtt_topics):
            yield ("broker", "status_topic"), f"route {name!r} matches it, so the bridge would receive its own status"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
