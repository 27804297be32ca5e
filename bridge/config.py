"""What a bridge is told: broker, routes, destinations. Strict, every problem at once, parsed once at the door."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.broker import Broker
from bridge.routes import Route
from bridge.routing import TopicFilter, overlapping
from director.strict import DocumentError, Source, Strict, check


def _pubsub_topic(text: str) -> str:
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "topics" or not parts[1] or not parts[3]:
        raise ValueError(f"{text!r} is no Pub/Sub topic: write projects/PROJECT/topics/TOPIC")
    return text


PubsubTopic = Annotated[str, AfterValidator(_pubsub_topic)]


class Publishing(Strict):
    """Requests to Pub/Sub: as many messages as wait, up to these."""

    maximum_messages: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    maximum_bytes: Annotated[int, Field(ge=1_000, le=9_500_000)] = 4_000_000
    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0


class BridgeConfig(Strict):
    """A whole bridge. `destinations` name Pub/Sub topics; routes refer to them by name."""

    broker: Broker
    destinations: dict[str, PubsubTopic]
    dead_letter_topic: PubsubTopic
    routes: Annotated[dict[str, Route], Field(min_length=1)]
    on_overlap: Literal["refuse", "first"] = "refuse"
    publishing: Publishing = Publishing()


def configuration(source: Source) -> BridgeConfig:
    """The bridge's configuration from a document. Raises DocumentError with every problem."""
    config, problems = check(source, BridgeConfig)
    if config is not None:
        problems += [source.problem(location, message) for location, message in inconsistencies(config)]
    if config is None or problems:
        raise DocumentError(problems)
    return config


def inconsistencies(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    """Where parts of a configuration do not fit each other: location and what to do."""
    return [
        *_unknown_destinations(config),
        *_unused_destinations(config),
        *_uncaptured_subjects(config),
        *(_overlaps(config) if config.on_overlap == "refuse" else []),
    ]


def _unknown_destinations(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    known = _listed(config.destinations)
    return [
        (("routes", name, "destination"), f"no destination is called {route.destination!r}; there are: {known}")
        for name, route in config.routes.items()
        if route.destination not in config.destinations
    ]


def _unused_destinations(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    used = {route.destination for route in config.routes.values()}
    return [
        (("destinations", name), "no route leads here; remove it or add a route")
        for name in config.destinations
        if name not in used
    ]


def _uncaptured_subjects(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    names = {name: TopicFilter.parse(route.filter).names for name, route in config.routes.items()}
    return [
        (("routes", name, "subject"), f"the filter captures no {route.subject!r}; it captures: {_listed(names[name])}")
        for name, route in config.routes.items()
        if route.subject is not None and route.subject not in names[name]
    ]


def _overlaps(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    filters = [(name, TopicFilter.parse(route.filter)) for name, route in config.routes.items()]
    return [
        (
            ("routes", other, "filter"),
            f"a topic may match this and the filter of route {one!r}; narrow one, or set on_overlap: first",
        )
        for one, other in overlapping(filters)
    ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
