"""What a bridge is told: broker, routes, destinations. Strict, every problem at once, parsed once at the door."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.mqtt.broker import Broker
from bridge.routes.misfits import DEFAULT_ROUTE, misfits
from bridge.routes.model import Route, Treatment
from bridge.routes.routing import widest
from director.fields import PubsubTopic
from director.strict import DocumentError, Source, Strict, check


def _free(name: str) -> str:
    if name == DEFAULT_ROUTE:
        raise ValueError("is what the default route is called; use another name, or write it as default_route")
    return name


RouteName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$"), AfterValidator(_free)]


class Publishing(Strict):
    """Requests to Pub/Sub: as many messages as wait, up to these."""

    maximum_messages: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    maximum_bytes: Annotated[int, Field(ge=1_000, le=9_500_000)] = 4_000_000
    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0


class BridgeConfig(Strict):
    """A whole bridge. `destinations` name Pub/Sub topics, and no route leads anywhere else.

    `default_route` takes what no filter matches, such as messages of subscriptions made earlier; it subscribes to
    nothing. Where filters overlap, `on_overlap` says whether that is refused, the first route wins, or all get a copy.
    """

    broker: Broker
    destinations: dict[str, PubsubTopic]
    dead_letter_topic: PubsubTopic
    routes: Annotated[dict[RouteName, Route], Field(min_length=1)]
    default_route: Treatment | None = None
    on_overlap: Literal["refuse", "first", "all"] = "refuse"
    publishing: Publishing = Publishing()

    @property
    def subscriptions(self) -> list[str]:
        """The MQTT filters to subscribe to: a broker may deliver once for each subscription that a message matches
        (MQTT 5.0, section 3.3.4; mosquitto does), so none that another covers."""
        return [topic_filter.mqtt for topic_filter in widest(route.topic_filter for route in self.routes.values())]


def configuration(source: Source) -> BridgeConfig:
    """The bridge's configuration from a document. Raises DocumentError with every problem."""
    config, problems = check(source, BridgeConfig)
    if config is not None:
        status_topic = config.broker.status_topic
        found = misfits(config.routes, config.default_route, config.destinations, config.on_overlap, status_topic)
        problems += [source.problem(location, message) for location, message in found]
    if config is None or problems:
        raise DocumentError(problems)
    return config
