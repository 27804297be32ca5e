"""Back to a job: through the topic of the subscription it read from, addressed to that subscription alone."""

from collections.abc import Iterator, Sequence
from typing import Any

from google.api_core.exceptions import InvalidArgument, NotFound
from google.pubsub_v1.types import PubsubMessage

from director.addressing import RETRY_ATTEMPT, RETRY_TO, address, holds, retry_filter
from director.desk.google_errors import asking
from director.desk.letters import Letter
from director.desk.ways import Addressed, Refused

REQUEST_MESSAGES, REQUEST_BYTES = 1_000, 4_000_000
SECONDS = 60.0


class ThroughSubscriptions:
    """`publisher` and `subscriber` are Google's clients."""

    def __init__(self, publisher: Any, subscriber: Any) -> None:
        self._publisher = publisher
        self._subscriber = subscriber
        self._known: dict[str, Any] = {}

    def addressed(self, letter: Letter, force: bool) -> Addressed:
        name = letter.came_from
        parts = name.split("/")
        if len(parts) != 4 or (parts[0], parts[2]) != ("projects", "subscriptions"):
            raise Refused(f"dead_letter.original_topic is {name!r}, no subscription to which it could go back")
        found = self._subscription(name)
        if found is None:
            raise Refused(f"{name} is not there any more; make it again, or discard the letter")
        if found.topic == "_deleted-topic_":
            raise Refused(f"the topic of {name} was deleted; make both again, or discard the letter")
        _check_filter(found, force)
        return Addressed(letter, name)

    def send(self, letters: Sequence[Addressed]) -> list[str]:
        problems: dict[int, str] = {}
        for pubsub_topic, numbers in self._requests(letters):
            problems |= self._publish(pubsub_topic, {number: self._message(letters[number]) for number in numbers})
        return [problems[number] for number in range(len(letters))]

    def _requests(self, letters: Sequence[Addressed]) -> Iterator[tuple[str, list[int]]]:
        """Numbers of letters that one request can hold."""
        open_requests: dict[str, tuple[list[int], int]] = {}
        for number, one in enumerate(letters):
            pubsub_topic, size = self._known[one.target].topic, len(one.letter.data or b"") + 2_000
            numbers, octets = open_requests.get(pubsub_topic, ([], 0))
            if numbers and (octets + size > REQUEST_BYTES or len(numbers) >= REQUEST_MESSAGES):
                yield pubsub_topic, numbers
                numbers, octets = [], 0
            open_requests[pubsub_topic] = ([*numbers, number], octets + size)
        yield from ((pubsub_topic, numbers) for pubsub_topic, (numbers, _) in open_requests.items())

    def _message(self, one: Addressed) -> PubsubMessage:
        """Without an ordering key: an export to BigQuery does not keep it."""
        added = {
            RETRY_TO: address(self._known[one.target].topic, one.target),
            RETRY_ATTEMPT: str(one.attempt),
        }
        return PubsubMessage(data=one.letter.data or b"", attributes=one.letter.original | added)

    def _publish(self, pubsub_topic: str, messages: dict[int, PubsubMessage]) -> dict[int, str]:
        """One message that Pub/Sub refuses fails its whole request: the others go again without it."""
        try:
            with asking(f"publishing to {pubsub_topic}"):
                self._publisher.publish(topic=pubsub_topic, messages=list(messages.values()), timeout=SECONDS)
        except Exception as error:
            refused = error.__cause__
            if not isinstance(refused, InvalidArgument):
                raise
            if len(messages) == 1:
                return dict.fromkeys(messages, f"Pub/Sub refuses it: {refused.message}")
            apart = [self._publish(pubsub_topic, {number: one}) for number, one in messages.items()]
            return {number: problem for part in apart for number, problem in part.items()}
        return dict.fromkeys(messages, "")

    def _subscription(self, name: str) -> Any:
        """None where there is none. Asked once."""
        if name not in self._known:
            with asking(f"looking for {name}"):
                try:
                    self._known[name] = self._subscriber.get_subscription(subscription=name, timeout=SECONDS)
                except NotFound:
                    self._known[name] = None
        return self._known[name]


def _check_filter(found: Any, force: bool) -> None:
    """Raises Refused where others would get it too, or nobody would."""
    wanted = retry_filter(found.topic, found.name)
    if holds(found.filter, wanted):
        return
    if RETRY_TO in found.filter:
        raise Refused(f"the filter of {found.name} would not let it through; it has to hold: {wanted}")
    if not force:
        others = f"{found.name} has no filter for retries: every subscription to {found.topic} would get it once more"
        raise Refused(f"{others}; make it with the filter {wanted}, or --force")
