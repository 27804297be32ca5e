"""How much flows where in a dataflow: from the topics where data enters along the links of services. Pure.

A service sends on what it gets. What it gets is all that its subscriptions bring; where it has none, what enters
through the topics it writes to. Filters are not counted: Pub/Sub has its price also for what a filter holds back.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from operator import add

from director import keys
from director.documents.model import Architecture, Resources
from director.documents.specs.pubsub import Subscription
from director.documents.specs.resource import Link, Resource
from director.documents.specs.scheduler import SchedulerJob
from director.errors import Misconfigured
from director.estimate.schedules import runs
from director.estimate.units import SECONDS, readable
from director.estimate.usage import TopicUse, Usage

DEAD_LETTERS = "dead_letter_topic"  # how the keys of links end under which services learn where dead letters go


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages and bytes a second."""

    messages: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.messages + other.messages, self.bytes + other.bytes)

    def __mul__(self, share: float) -> "Rate":
        return Rate(self.messages * share, self.bytes * share)

    def of_size(self, bytes_: int | None) -> "Rate":
        """As many messages of another size, where one is said."""
        return self if bytes_ is None else Rate(self.messages, self.messages * bytes_)

    def __str__(self) -> str:
        size = self.bytes / self.messages if self.messages else 0
        return f"{readable(self.messages)} messages/s of {size:,.0f} bytes"


@dataclass(frozen=True, slots=True)
class Told:
    """A topic's rate, and where it comes from in words; of one that gets nothing, what to say where that is wrong."""

    rate: Rate
    why: str

    def __str__(self) -> str:
        return f"{self.rate}, {self.why}" if self.rate.messages else self.why


@dataclass(frozen=True, slots=True)
class Flow:
    """What each topic gets, and each service."""

    topics: Mapping[str, Told]
    service: Callable[[str], Rate]

    def of(self, links: Iterable[Link]) -> Rate:
        """What these services get, all together."""
        return total(self.service(name) for name in dict.fromkeys(link.name for link in links))


def total(rates: Iterable[Rate]) -> Rate:
    return reduce(add, rates, Rate())


def flow(architecture: Architecture, dataflow: str, usage: Usage) -> Flow:
    """Raises Misconfigured where messages go in a circle, or nothing says how many enter."""
    resources = architecture.dataflows[dataflow].resources
    return _Streams(dataflow, resources, frozenset(_of_others(architecture, resources)), usage).flow()


def producers(spec: Resource) -> tuple[Link, ...]:
    single: Link | None = getattr(spec, "producer_service", None)
    return (*((single,) if single else ()), *getattr(spec, "producers", ()))


def _of_others(architecture: Architecture, resources: Resources) -> Iterator[str]:
    """Topics that the director and Google write to, now and then: changes of seeds, rotations, alerts, commands."""
    yield from (one.invalidation_topic for one in resources.firestore_collections if one.invalidation_topic)
    yield from (one.rotation.topic for one in resources.secrets if one.rotation)
    channels = (one.channel_labels["topic"] for one in resources.notification_channels if one.type == "pubsub")
    yield from (channel.removeprefix(keys.topic(architecture.project_id, "")[1]) for channel in channels)
    manager = architecture.service_manager_spec
    if manager:
        yield from (manager.command_topic.name, manager.completion_topic.name)
        yield from (manager.dead_letter_topic.name,) if manager.dead_letter_topic else ()


class _Streams:
    """One dataflow's topics, and the services between them; `others` write to theirs now and then only."""

    def __init__(self, name: str, resources: Resources, others: frozenset[str], usage: Usage) -> None:
        self._name = name
        self._usage = usage
        self._others = others
        self._resources = resources
        self._topics = {topic.name: topic for topic in resources.topics}
        self._read = self._reading()
        self._told: dict[str, Told] = {}

    def flow(self) -> Flow:
        for topic in self._in_order():
            self._told[topic] = self._topic(topic)
        return Flow({name: self._told[name] for name in self._topics}, self._service)

    def _reading(self) -> Mapping[str, Sequence[str]]:
        """The topics that each service reads: as often as it has subscriptions to them."""
        found: dict[str, list[str]] = defaultdict(list)
        for subscription in self._resources.subscriptions:
            if subscription.consumer_service:
                found[subscription.consumer_service.name].append(subscription.topic)
        for topic in self._topics.values():
            for link in topic.consumers:
                found[link.name].append(topic.name)
        return dict(found)

    def _in_order(self) -> Sequence[str]:
        """Topics, those first that others come of."""
        try:
            return tuple(TopologicalSorter({name: self._sources(name) for name in self._topics}).static_order())
        except CycleError as error:
            circle = error.args[1]
            raise Misconfigured(
                f"in dataflow '{self._name}' messages go in a circle: {' -> '.join(circle)}; how many is for you to "
                f"say, of one of these topics in a usage file (--usage): topics.{circle[0]}.messages_per_second"
            ) from error

    def _sources(self, topic: str) -> tuple[str, ...]:
        if self._use(topic).messages_per_second is not None:
            return ()
        read = (source for link in self._feeding(topic) for source in self._read.get(link.name, ()))
        return tuple(dict.fromkeys((*read, *self._handed_over(topic))))

    def _topic(self, topic: str) -> Told:
        use = self._use(topic)
        if use.messages_per_second is not None:
            return Told(self._entering(topic), "as the usage says")
        parts = [part for part in self._parts(topic) if part.rate.messages]
        if not parts:
            return Told(Rate(), self._silence(topic))
        share = "" if use.share is None else f"{readable(use.share)} of "
        whole = total(part.rate for part in parts).of_size(use.bytes)
        return Told(whole, share + " and ".join(dict.fromkeys(part.why for part in parts)))

    def _parts(self, topic: str) -> Iterator[Told]:
        share = self._share(topic)
        feeding = self._feeding(topic)
        if not self._fed(topic) or any(self._enters(link) for link in feeding):
            yield Told(self._entering(topic), "what enters here")
        for service in dict.fromkeys(link.name for link in feeding if not self._enters(link)):
            yield Told(self._service(service) * share, f"what {service} gets")
        for source in self._handed_over(topic):
            yield Told(self._told[source].rate * share, f"what {source} gets")
        for job in self._scheduled(topic):
            yield Told(_published(job) * share, f"what {job.name} publishes")

    def _feeding(self, topic: str) -> Sequence[Link]:
        """Links of the services that it gets something from; of dead letters only where a share is said."""
        links = producers(self._topics[topic])
        if self._use(topic).share is not None:
            return links
        return [link for link in links if not _of_dead_letters(link)]

    def _handed_over(self, topic: str) -> Sequence[str]:
        """The topics of subscriptions whose dead letters Pub/Sub itself brings here, where a share is said."""
        return [one.topic for one in self._abandoning(topic)] if self._use(topic).share else ()

    def _abandoning(self, topic: str) -> Sequence[Subscription]:
        return [
            one
            for one in self._resources.subscriptions
            if one.dead_letter_policy and one.dead_letter_policy.topic == topic
        ]

    def _scheduled(self, topic: str) -> Sequence[SchedulerJob]:
        return [job for job in self._resources.cloud_scheduler_jobs if job.topic == topic]

    def _enters(self, link: Link) -> bool:
        """Whether a producer brings data from outside: it reads nothing here, and these are no dead letters."""
        return not self._read.get(link.name) and not _of_dead_letters(link)

    def _fed(self, topic: str) -> bool:
        """Whether somebody is known to write to it."""
        known = producers(self._topics[topic]) or self._abandoning(topic) or self._scheduled(topic)
        return bool(known) or topic in self._others

    def _silence(self, topic: str) -> str:
        advice = f"say topics.{topic}.messages_per_second in a usage file"
        links = producers(self._topics[topic])
        if self._abandoning(topic) or (links and all(map(_of_dead_letters, links))):
            return f"no dead letters are assumed; {advice}, or topics.{topic}.share"
        return f"nothing is assumed to come here; {advice}"

    def _service(self, service: str) -> Rate:
        """What a service has to work on."""
        if self._read.get(service):
            return total(self._told[topic].rate for topic in self._read[service])
        written = [
            name
            for name, topic in self._topics.items()
            if any(link.name == service and self._enters(link) for link in producers(topic))
        ]
        if not written:
            return self._outside(f"service '{service}' brings", "defaults", self._usage.defaults.bytes)
        return total(map(self._entering, written))

    def _entering(self, topic: str) -> Rate:
        """What comes into it from outside."""
        use, defaults = self._use(topic), self._usage.defaults
        size = defaults.bytes if use.bytes is None else use.bytes
        if use.messages_per_second is None:
            return self._outside(f"topic '{topic}' gets", f"topics.{topic}", size) * self._share(topic)
        if size is None:
            raise _unsaid(f"how large the messages of topic '{topic}' are", f"topics.{topic}.bytes", "--bytes")
        return Rate(use.messages_per_second, use.messages_per_second * size)

    def _outside(self, who: str, where: str, size: int | None) -> Rate:
        messages = self._usage.defaults.messages_per_second
        if messages is None:
            raise _unsaid(f"how much {who}", f"{where}.messages_per_second", "--messages-per-second")
        if size is None:
            raise _unsaid(f"how large the messages are that {who}", f"{where}.bytes", "--bytes")
        return Rate(messages, messages * size)

    def _share(self, topic: str) -> float:
        share = self._use(topic).share
        return 1.0 if share is None else share

    def _use(self, topic: str) -> TopicUse:
        return self._usage.topics.get(topic) or TopicUse()


def _of_dead_letters(link: Link) -> bool:
    return (link.lookup.key or "").lower().endswith(DEAD_LETTERS)


def _published(job: SchedulerJob) -> Rate:
    words = (job.data, *job.attributes, *job.attributes.values())
    return Rate(runs(job) / SECONDS).of_size(sum(len(word.encode()) for word in words))


def _unsaid(what: str, key: str, option: str) -> Misconfigured:
    return Misconfigured(f"nothing says {what}; add {key} to the usage, or {option}")
