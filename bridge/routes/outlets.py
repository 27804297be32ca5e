"""MQTT topic -> where its messages go and all that their envelopes have in common: worked out once for each topic."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from bridge import envelope
from bridge.config import BridgeConfig
from bridge.routes.misfits import DEFAULT_ROUTE
from bridge.routes.model import MAX_ORDERING_KEY_BYTES, Route, Treatment
from bridge.routes.payload import NOTHING, Reading
from bridge.routes.routing import Match, Router


@dataclass(frozen=True, slots=True)
class Prepared:
    """A route, made ready once; its name is the one given to it, or `default`.

    It is `plain` where it reads nothing of a message. `subject` is the capture that names the device. `constant` is
    what all its envelopes have in common, encoded attributes, `lost` of which had to be cut.
    """

    name: str
    treatment: Treatment
    reading: Reading
    plain: bool
    subject: str | None
    constant: bytes
    lost: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why no message of a topic can succeed: the reason and message of its dead letter."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outlet:
    """What all messages of one MQTT topic share on one route, or why they are dead letters.

    `facts` are encoded attributes, `lost` of which had to be cut; `block` is these and the ordering key. Where it
    is `plain`, nothing of a message has to be looked at.
    """

    facts: bytes
    route: str = ""
    reading: Reading = NOTHING
    pubsub_topic: str = ""
    ordering_key: str = ""
    block: bytes = b""
    lost: int = 0
    fault: Fault | None = None
    plain: bool = False


class Plan:
    """The routes of one configuration."""

    def __init__(self, config: BridgeConfig) -> None:
        source = f"{config.broker.url}/routes"
        self._destinations = config.destinations
        self._most = None if config.on_overlap == "all" else 1
        routes = config.routes.items()
        self._router = Router((route.topic_filter, _prepared(name, route, source)) for name, route in routes)
        self._default = _prepared(DEFAULT_ROUTE, config.default_route, source) if config.default_route else None

    def matches(self, mqtt_topic: str) -> Iterator[Match[Prepared]]:
        """The routes whose filters match, winners first."""
        return self._router.matches(mqtt_topic)

    def outlets(self, mqtt_topic: str) -> tuple[Outlet, ...]:
        """Those of the routes that win; none where no filter matches."""
        winners = islice(self.matches(mqtt_topic), self._most)
        return tuple(self._outlet(match.route, mqtt_topic, match.captures) for match in winners)

    def default(self, mqtt_topic: str) -> tuple[Outlet, ...]:
        return (self._outlet(self._default, mqtt_topic, {}),) if self._default else ()

    def _outlet(self, prepared: Prepared, mqtt_topic: str, captures: dict[str, str]) -> Outlet:
        treatment = prepared.treatment
        name = treatment.destination.fill(captures)
        key = treatment.ordering_key.fill(captures) if treatment.ordering_key else ""
        facts, lost = _facts(prepared, mqtt_topic, captures)
        fault = None
        if name not in self._destinations:
            fault = Fault("unknown_destination", f"no destination is called {name!r}")
        elif treatment.ordering_key and not 0 < len(key.encode()) <= MAX_ORDERING_KEY_BYTES:
            size = len(key.encode())
            fault = Fault("invalid_ordering_key", f"a key of {size} bytes; it has 1 to {MAX_ORDERING_KEY_BYTES}")
        return Outlet(
            facts=facts,
            route=prepared.name,
            reading=prepared.reading,
            pubsub_topic=self._destinations.get(name, ""),
            ordering_key=key,
            block=facts + envelope.ordering_key(key) if key else facts,
            lost=lost,
            fault=fault,
            plain=prepared.plain and not fault,
        )


class Outlets:
    """Outlets by MQTT topic; after a change of configuration those of the one before serve what it left queued."""

    def __init__(self, plan: Plan, former: Plan | None = None) -> None:
        self.plan = plan
        self._former = former

    def of(self, mqtt_topic: bytes) -> tuple[Outlet, ...]:
        """At least one, the one to acknowledge first."""
        try:
            text = mqtt_topic.decode()
        except UnicodeDecodeError as error:
            facts = envelope.fitted_topic(mqtt_topic.decode(errors="replace"))
            return (_dead_end(facts, "invalid_topic_utf8", f"topic 0x{mqtt_topic[:200].hex()}: {error}"),)
        return self.plan.outlets(text) or self._leftover(text) or self.plan.default(text) or _no_route(text)

    def _leftover(self, mqtt_topic: str) -> tuple[Outlet, ...]:
        return self._former.outlets(mqtt_topic) if self._former else ()


def _prepared(name: str, treatment: Treatment, source: str) -> Prepared:
    facts = {
        envelope.SPEC_VERSION: "1.0",
        envelope.TYPE: treatment.event_type,
        envelope.SOURCE: f"{source}/{name}",
        envelope.CONTENT_TYPE: treatment.content_type,
    }
    facts |= {name: template.fill({}) for name, template in treatment.attributes.items() if not template.captures}
    subject = treatment.subject_capture if isinstance(treatment, Route) else None
    reading = Reading.of(treatment)
    return Prepared(name, treatment, reading, reading.plain, subject, *_encoded(facts))


def _facts(prepared: Prepared, mqtt_topic: str, captures: dict[str, str]) -> tuple[bytes, int]:
    facts = envelope.fitted_topic(mqtt_topic)
    if prepared.subject and captures[prepared.subject]:  # a level may be empty, a subject may not
        facts[envelope.SUBJECT] = captures[prepared.subject]
    facts |= {f"capture.{name}": value for name, value in captures.items()}
    attributes = prepared.treatment.attributes.items()
    facts |= {name: template.fill(captures) for name, template in attributes if template.captures}
    block, lost = _encoded(facts)
    lost += prepared.lost
    if lost:
        block += envelope.attribute(envelope.DROPPED, str(lost))
    return prepared.constant + block, lost


def _encoded(facts: dict[str, str]) -> tuple[bytes, int]:
    """Attributes within their limits, and how many had to be cut."""
    kept = {name: envelope.truncated(value) for name, value in facts.items()}
    return envelope.attributes(kept), sum(kept[name] != facts[name] for name in facts)


def _no_route(mqtt_topic: str) -> tuple[Outlet, ...]:
    return (_dead_end(envelope.fitted_topic(mqtt_topic), "no_route", f"no route matches {mqtt_topic!r}"),)


def _dead_end(facts: dict[str, str], reason: str, message: str) -> Outlet:
    return Outlet(envelope.attributes(facts), fault=Fault(reason, message))
