"""What the second door publishes: how commands ended, and commands that were refused."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PubsubMessage

from director.commands.command import Refused
from director.commands.completion import Completion
from director.documents.manager import Places
from director.errors import DirectorError, Rejected, Unavailable
from director.retries import Retries, transient

STAGE = "director"
CALL_TIMEOUT = 20.0  # seconds
MOST_ATTRIBUTES, LONGEST_VALUE = 100, 1_024  # Pub/Sub's, the second in bytes
DROPPED = "dead_letter.attrs_dropped"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it came: `attempt` is which delivery it is, as far as Pub/Sub counts them."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str
    published: datetime
    attempt: int = 1


class Outbox:
    """Every method raises Unavailable, or Rejected with what to do, where Pub/Sub does not take it."""

    def __init__(self, publisher: PublisherClient, retries: Retries, places: Places) -> None:
        self._publisher = publisher
        self._retries = retries
        self._places = places

    def complete(self, completion: Completion) -> None:
        data = completion.model_dump_json().encode()
        self._publish(self._places.completions, PubsubMessage(data=data, attributes=completion.attributes()))

    def refuse(self, letter: Letter, refused: Refused) -> None:
        """As all stages do: see docs/dead-letters.md."""
        added = {
            "dead_letter.stage": STAGE,
            "dead_letter.reason": refused.reason,
            "dead_letter.error_class": type(refused.__cause__ or refused).__name__,
            "dead_letter.message": _cut(str(refused)),
            "dead_letter.attempt": str(letter.attempt),
            "dead_letter.original_topic": self._places.commands,
            "dead_letter.time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        message = PubsubMessage(data=letter.data, attributes={**_kept(letter.attributes, len(added) + 1), **added})
        self._publish(self._places.dead_letters, message)

    def _publish(self, pubsub_topic: str, message: PubsubMessage) -> None:
        def publish() -> Any:
            return self._publisher.publish(topic=pubsub_topic, messages=[message], retry=None, timeout=CALL_TIMEOUT)

        with _told(pubsub_topic):
            self._retries.call(publish)


def _kept(attributes: Mapping[str, str], room: int) -> dict[str, str]:
    """Without those that nobody but Google may set, and those there is no room for beside ours."""
    ours = {name: value for name, value in attributes.items() if not name.startswith(("goog", "dead_letter."))}
    kept = dict(sorted(ours.items())[: MOST_ATTRIBUTES - room])
    return kept if len(kept) == len(ours) else {**kept, DROPPED: str(len(ours) - len(kept))}


def _cut(text: str) -> str:
    return text.encode()[:LONGEST_VALUE].decode(errors="ignore")


@contextmanager
def _told(pubsub_topic: str) -> Iterator[None]:
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError) as error:
        reaction: type[DirectorError] = Unavailable if transient(error) else Rejected
        advice = "" if reaction is Unavailable else "; it has to be there, and the director needs to publish to it"
        raise reaction(f"{pubsub_topic} takes nothing: {type(error).__name__}: {error}{advice}") from error
