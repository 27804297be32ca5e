"""Where the director itself takes commands and tells of their ends: what dataflows declare, named here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from director import keys
from director.documents.deployments import Deployment, HealthCheck
from director.documents.drafts import Draft, resources
from director.documents.kinds import Finding
from director.documents.specs.resource import Lookup
from director.names import Id, ServiceAccountName, SubscriptionName, TopicName
from director.strict import Strict, similar

if TYPE_CHECKING:
    from director.documents.model import Architecture

SPEC = "service_manager_spec"
COMMANDS, COMPLETIONS, SUBSCRIPTION, LETTERS = (
    "command_topic", "completion_topic", "command_subscription", "dead_letter_topic",
)  # fmt: skip
_DELIVERED = ("push", "bigquery", "cloud_storage")


class NamedTopic(Strict):
    """A topic of a dataflow. `lookup` is for those who start the director: it reads the names here."""

    name: TopicName
    lookup: Lookup | None = None


class NamedSubscription(Strict):
    """A subscription of a dataflow."""

    name: SubscriptionName
    lookup: Lookup | None = None


class ServiceManager(Strict):
    """The director as a service, and the topics of its second door.

    Without `command_subscription` it is `<command_topic>-director`; without `dead_letter_topic`, commands that are
    refused go where the subscription's `dead_letter_policy` sends others.
    """

    name: Id | None = None
    description: str = ""
    service_account: ServiceAccountName | None = None
    health_check: HealthCheck | None = None
    deployment: Deployment | None = None
    command_topic: NamedTopic
    command_subscription: NamedSubscription | None = None
    completion_topic: NamedTopic
    dead_letter_topic: NamedTopic | None = None

    @property
    def subscription(self) -> str:
        return self.command_subscription.name if self.command_subscription else default_name(self.command_topic.name)


@dataclass(frozen=True, slots=True)
class Places:
    """Full names at Google."""

    commands: str  # a subscription
    completions: str
    dead_letters: str


def default_name(command_topic: str) -> str:
    return f"{command_topic}-director"


def places(architecture: "Architecture") -> Places:
    """Of an architecture that was checked. Raises LookupError for one without a `service_manager_spec`."""
    spec, project = architecture.service_manager_spec, architecture.project_id
    if spec is None:
        raise LookupError(f"no {SPEC}")
    letters = spec.dead_letter_topic.name if spec.dead_letter_topic else _of_policy(architecture, spec.subscription)
    return Places(
        keys.subscription(project, spec.subscription)[1],
        keys.topic(project, spec.completion_topic.name)[1],
        keys.topic(project, letters)[1],
    )


def findings(architecture: Draft) -> Iterator[Finding]:
    """What the second door names and no dataflow has, and what would make it answer to itself or lose what it gets."""
    spec = architecture.inner(SPEC)
    if not spec.data:
        return
    known = list(_all(architecture, keys.TOPICS))
    for key in (COMMANDS, COMPLETIONS, LETTERS):
        name = spec.inner(key).text("name")
        if name is not None and name not in known:
            yield (*spec.location, key, "name"), f"no topic '{name}' in any dataflow; {_advice(name, known)}"
        if key != COMMANDS and name is not None and name == spec.inner(COMMANDS).text("name"):
            yield (
                (*spec.location, key, "name"),
                "is the topic of the commands, to which all would come back; use another",
            )
    yield from _of_subscription(architecture, spec)


def _of_subscription(architecture: Draft, spec: Draft) -> Iterator[Finding]:
    topic = spec.inner(COMMANDS).text("name")
    if topic is None:
        return
    given = spec.inner(SUBSCRIPTION).text("name")
    name, known = given or default_name(topic), _all(architecture, keys.SUBSCRIPTIONS)
    place = (*spec.location, SUBSCRIPTION, "name") if given else (*spec.location, COMMANDS, "name")
    found = known.get(name)
    if found is None:
        yield place, f"no subscription '{name}' in any dataflow, from which commands are taken; {_advice(name, known)}"
        return
    if found.text("topic") != topic:
        yield place, f"subscription '{name}' is of topic '{found.text('topic')}', not of '{topic}'; name one of that"
    if any(found.data.get(way) for way in _DELIVERED):
        yield place, f"subscription '{name}' is delivered by Pub/Sub itself; commands are pulled, so name another"
    if not spec.inner(LETTERS).text("name") and not found.inner("dead_letter_policy").text("topic"):
        message = f"commands that are refused have nowhere to go; add {LETTERS}, or a dead_letter_policy to '{name}'"
        yield spec.location, message


def _of_policy(architecture: "Architecture", subscription: str) -> str:
    for dataflow in architecture.dataflows.values():
        for one in dataflow.resources.subscriptions:
            if one.name == subscription and one.dead_letter_policy:
                return one.dead_letter_policy.topic
    raise LookupError(f"no dead letters of {subscription}")


def _all(architecture: Draft, kind: str) -> dict[str, Draft]:
    flows = architecture.children("dataflows").values()
    return {name: one for flow in flows for one in resources(flow, kind) if (name := one.text("name"))}


def _advice(name: str, known: "dict[str, Draft] | list[str]") -> str:
    advice = similar(name, known)
    return "add it" if advice == "remove it" else advice
