"""Where replayed messages go: to a topic, to one subscription of it, or into a file."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from beam_jobs.archive.replay.publishing import PATIENCE, Publisher, Refused, open_publisher
from beam_jobs.archive.replay.restoring import Restoring
from beam_jobs.archive.replay.spec import Spec, Target
from beam_jobs.errors import Misconfigured, RetryLater, signed_in
from director.addressing import RETRY_TO, address, holds, retry_filter
from director.endpoints import channel

LOOK_SECONDS = 30.0


class Sent(Protocol):
    """A batch on its way."""

    def finish(self) -> Refused:
        """Waits until it is safe; of what was not taken, why. Raises RetryLater, Misconfigured."""


class Taker(Protocol):
    """Takes batches of what it prepared itself."""

    position: int  # where the next batch begins, for targets that can go back to it

    def prepare(self, line: bytes, document: Mapping[str, Any]) -> bytes: ...
    def start(self, batch: Sequence[bytes]) -> Sent: ...
    def close(self) -> None: ...


class ToTopic:
    """Messages as they were, each with the block of the replay."""

    position = 0

    def __init__(self, publisher: Publisher, restoring: Restoring) -> None:
        self._publisher, self._restoring = publisher, restoring

    def prepare(self, line: bytes, document: Mapping[str, Any]) -> bytes:
        return self._restoring(document)

    def start(self, batch: Sequence[bytes]) -> Sent:
        return self._publisher.start(batch)

    def close(self) -> None:
        self._publisher.close()


class ToFile:
    """Lines as the archive has them. What is behind `position` is written anew."""

    def __init__(self, path: Path, position: int | None = None) -> None:
        """Raises OSError where the file exists and nobody resumes, has lost lines, or cannot be written."""
        self._file = path.open("xb" if position is None else "rb+")
        self.position = position or 0
        octets = self._file.seek(0, os.SEEK_END)
        if octets < self.position:
            self._file.close()
            lost = f"it has {octets} bytes, and {self.position} were recorded"
            raise OSError(f"{path}: {lost}; put back what is missing, or begin a new replay into another file")
        self._file.truncate(self._file.seek(self.position))

    def prepare(self, line: bytes, document: Mapping[str, Any]) -> bytes:
        return line

    def start(self, batch: Sequence[bytes]) -> Sent:
        self._file.writelines(batch)
        return self

    def finish(self) -> Refused:
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self.position = self._file.tell()
        return {}

    def close(self) -> None:
        self._file.close()


def open_taker(spec: Spec, time: str, position: int | None, patience: float = PATIENCE) -> Taker:
    """`position` is that of the state somebody resumes, None for a new replay; `time` is what `replay.time` says."""
    if spec.target.kind == "file":
        return ToFile(Path(spec.target.name), position)
    return ToTopic(open_publisher(spec.target.name, patience), Restoring(spec.replay_id, time, spec.target.address))


def only_to(subscription: str, force: bool, find: Callable[[str], Any]) -> Target:
    """The topic of a subscription, addressed to it alone. `find` gives the subscription.

    Raises Misconfigured where it would not get the messages, or, without `force`, where others may get them too.
    """
    found = find(subscription)
    if found.topic == "_deleted-topic_":
        raise Misconfigured(f"the topic of {subscription} was deleted; make both again")
    wanted = retry_filter(found.topic, subscription)
    if not holds(found.filter, wanted):
        if RETRY_TO in found.filter:
            raise Misconfigured(f"the filter of {subscription} would not let them through; it has to hold: {wanted}")
        if not force:
            every = f"{subscription} has no filter for addressed messages: every subscription to {found.topic}"
            raise Misconfigured(f"{every} would get them; make it with the filter {wanted}, or --force")
    return Target("topic", found.topic, address(found.topic, subscription))


def look_up(subscription: str) -> Any:
    """Raises Misconfigured for one that does not exist, RetryLater where nobody answers."""
    with signed_in():
        pubsub = channel("pubsub")
    try:
        client = SubscriberClient(transport=SubscriberGrpcTransport(channel=pubsub))
        return client.get_subscription(subscription=subscription, timeout=LOOK_SECONDS)
    except NotFound as error:
        raise Misconfigured(f"there is no {subscription}; `conductor apply` makes it") from error
    except GoogleAPICallError as error:
        raise RetryLater(f"looking for {subscription}: {error.message}") from error
    finally:
        pubsub.close()
