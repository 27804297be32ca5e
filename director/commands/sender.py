"""The other side of the second door: sends a command and waits for its end.

    sender = CommandSender(publisher, "projects/p/topics/commands", DirectorClient(url))
    command_id = sender.send("dataflow-setup", {"dataflow_name": "environment"})
    end = sender.wait(command_id, seconds=600)

The completion event is a hint: where it is lost, or nobody reads it, the operation itself says how it ended. A command
that was refused never becomes an operation; of that the event tells, and the dead letters.
"""

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import PubsubMessage
from pydantic import ValidationError

from director.client import DirectorClient, DirectorError
from director.commands.command import Command, Instruction, decode
from director.commands.completion import Completion, from_operation
from director.errors import Unavailable
from director.operations.model import Operation
from director.retries import Retries

CALL_TIMEOUT = 20.0  # seconds
PULL_SECONDS = 5.0  # a pull waits for a message
POLL_SECONDS = 5.0  # between two looks at the operation
AT_ONCE = 50  # completions in one pull
KEPT = 1_000  # completions of other commands, for whoever waits for those later


class NoWord(Unavailable):
    """Neither a completion nor an operation that is over, in time."""


@dataclass(frozen=True, slots=True)
class Completions:
    """A subscription to the completion topic that nobody else reads: completions of all commands come to it."""

    subscriber: SubscriberClient
    subscription: str


class CommandSender:
    """`director` and `completions` each tell of ends; one of them is enough, both are faster and surer."""

    def __init__(
        self,
        publisher: PublisherClient,
        command_topic: str,
        director: DirectorClient | None = None,
        completions: Completions | None = None,
        retries: Retries | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._publisher = publisher
        self._topic = command_topic
        self._director = director
        self._completions = completions
        self._retries = retries or Retries()
        self._clock, self._sleep = clock, sleep
        self._poll_seconds = poll_seconds
        self._kept: dict[str, Completion] = {}

    def send(self, instruction: Instruction, payload: Mapping[str, Any], command_id: str | None = None) -> str:
        """Its id. The same id sends the same command again, which is carried out once. Raises Refused for a bad one,
        GoogleAPICallError where it cannot be published."""
        command = _checked(instruction, payload, command_id or str(uuid.uuid4()))
        attributes = {"command_id": command.command_id, "instruction": instruction, "dataflow": command.dataflow}
        message = PubsubMessage(data=command.encoded(), attributes=attributes)
        self._retries.call(
            lambda: self._publisher.publish(topic=self._topic, messages=[message], retry=None, timeout=CALL_TIMEOUT)
        )
        return command.command_id

    def wait(self, command_id: str, seconds: float) -> Completion:
        """Raises NoWord."""
        end = self._clock() + seconds
        look = self._clock()  # when to look at the operation next
        while True:
            found = self._kept.pop(command_id, None)
            if found is None and self._clock() >= look:
                found = self._polled(command_id)
                look = self._clock() + self._poll_seconds * random.uniform(0.5, 1.0)  # noqa: S311
            if found is not None:
                return found
            left = end - self._clock()
            if left <= 0:
                raise NoWord(f"no word of command {command_id} in {seconds:g} s; look at the dead letters, wait longer")
            self._listen(min(left, max(0.05, look - self._clock())))

    def _polled(self, command_id: str) -> Completion | None:
        """From the newest operation of the command, where that is over for good."""
        if self._director is None:
            return None
        try:
            newest = next(iter(self._director.operations_of(command_id)), None)
            found = Operation.model_validate(newest, strict=False) if newest else None
        except (DirectorError, ValidationError):
            return None  # it is asked again
        return from_operation(command_id, found) if found and found.settled else None

    def _listen(self, seconds: float) -> None:
        """Takes what completions there are; waits for one, but no longer than this."""
        if self._completions is None:
            self._sleep(seconds)
            return
        subscriber, name = self._completions.subscriber, self._completions.subscription
        try:
            pulled = subscriber.pull(
                subscription=name, max_messages=AT_ONCE, retry=None, timeout=min(seconds, PULL_SECONDS)
            ).received_messages
        except DeadlineExceeded:
            return
        except GoogleAPICallError:
            self._sleep(min(seconds, 1.0))
            return
        for one in pulled:
            self._keep(one.message.data)
        if pulled:
            subscriber.acknowledge(
                subscription=name, ack_ids=[one.ack_id for one in pulled], retry=None, timeout=CALL_TIMEOUT
            )

    def _keep(self, data: bytes) -> None:
        try:
            found = Completion.model_validate_json(data)
        except ValidationError:
            return  # not one of ours
        if found.command_id is not None:
            self._kept[found.command_id] = found
        for oldest in list(self._kept)[:-KEPT]:
            del self._kept[oldest]


def _checked(instruction: Instruction, payload: Mapping[str, Any], command_id: str) -> Command:
    """As the director will read it. Raises Refused."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    found = {"v": 1, "command_id": command_id, "issued_at": now, "instruction": instruction, "payload": dict(payload)}
    return decode(json.dumps(found).encode())
