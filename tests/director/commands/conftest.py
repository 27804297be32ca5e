"""A second door over a world in memory and a real Pub/Sub, and whoever sends commands to it."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from prometheus_client import CollectorRegistry

from director.commands.door import CommandDoor, Room
from director.commands.figures import Figures
from director.commands.listener import Listener
from director.commands.outbox import Letter, Outbox
from director.documents.loading import load
from director.documents.manager import Places, places
from director.operations.file import FileOperations
from director.operations.model import Operation
from director.operations.operations import Operations
from director.provisioning.clients import Clients
from director.rest.problems import fault
from director.retries import Retries
from director.safety.audit import Audit, MemoryRecords, Record
from director.safety.authorization import Authorization
from director.safety.commands import grants_of_commands
from director.safety.policy import Grant
from director.service import Director

MANAGED = """\
service_manager_spec:
  command_topic: {name: commands}
  completion_topic: {name: completions}
  dead_letter_topic: {name: command-letters}
"""
CONTROL = """\
  control:
    resources:
      topics:
        - {name: commands}
        - {name: completions}
        - {name: command-letters, message_retention_duration: 31d}
      subscriptions:
        - {name: commands-director, topic: commands}
        - {name: completions-watched, topic: completions}
"""
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def command(instruction: str = "dataflow-setup", dataflow: str = "air", **more: Any) -> dict[str, Any]:
    """As a sender writes it, at noon; `payload` in `more` adds to the name."""
    payload = {"dataflow_name": dataflow} | more.pop("payload", {})
    found = {"v": 1, "command_id": str(uuid.uuid4()), "issued_at": "2026-01-31T12:00:00Z", "instruction": instruction}
    return {**found, "payload": payload, **more}


class Remembering(Outbox):
    """Keeps what it publishes; `failing` is raised as long as there is something in it."""

    def __init__(self) -> None:
        self.completions: list[dict[str, Any]] = []
        self.letters: list[tuple[Letter, Any]] = []
        self.failing: list[Exception] = []

    def complete(self, completion: Any) -> None:
        self._fail()
        self.completions.append(json.loads(completion.model_dump_json()))

    def refuse(self, letter: Letter, refused: Any) -> None:
        self._fail()
        self.letters.append((letter, refused))

    def _fail(self) -> None:
        if self.failing:
            raise self.failing.pop(0)


@dataclass
class Hand:
    """A door without an ear: what it is handed, and what it published. `now` is the director's clock."""

    director: Director
    grants: tuple[Grant, ...]
    store: FileOperations = field(default_factory=FileOperations)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    outbox: Remembering = field(default_factory=Remembering)
    now: datetime = NOW
    stopping: bool = False

    def __post_init__(self) -> None:
        operations = Operations(self.store, fault)
        self.room = Room(self.director, Authorization(self.grants), Audit(self.records), operations)
        self.door = CommandDoor(
            self.room, self.outbox, Figures(self.registry), "subscription", lambda: self.stopping,
            Retries(first=0.01, longest=0.02), lambda: self.now,
        )  # fmt: skip

    def next(self) -> "Hand":
        """The next director, over what the one before has kept and published."""
        return Hand(self.director, self.grants, self.store, self.records, outbox=self.outbox)

    @property
    def completions(self) -> list[dict[str, Any]]:
        return self.outbox.completions

    @property
    def letters(self) -> list[tuple[Letter, Any]]:
        return self.outbox.letters

    @property
    def operations(self) -> list[Operation]:
        return self.room.operations.page(None, 99, ["air"])[0]

    def take(self, given: dict[str, Any] | bytes, published: datetime = NOW, **more: Any) -> bool:
        data = given if isinstance(given, bytes) else json.dumps(given).encode()
        return self.door.take(Letter(data, more.pop("attributes", {}), "m-1", published, **more))

    def audit(self) -> list[Record]:
        found, _ = Audit(self.records).page(None, 100, lambda record: True)
        return found[::-1]

    def figure(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def managed(document: Path) -> Path:
    """The small document, with a second door."""
    document.write_text(document.read_text().replace("dataflows:\n", MANAGED + "dataflows:\n", 1) + CONTROL)
    return document


@pytest.fixture
def grants() -> tuple[Grant, ...]:
    return grants_of_commands(None)


@pytest.fixture
def director(managed: Path, world: Any, retries: Retries) -> Director:
    text = managed.read_text().replace("    services:", "    lifecycle: {strategy: ephemeral}\n    services:", 1)
    managed.write_text(text)
    return Director(load(managed), world.provide, retries, workers=1)


@pytest.fixture
def hand(director: Director, grants: tuple[Grant, ...]) -> Iterator[Hand]:
    found = Hand(director, grants)
    yield found
    found.room.operations.close(5)
    found.store.close()


@dataclass
class Wire:
    """A door with an ear at a Pub/Sub of its own names."""

    clients: Clients
    places: Places
    room: Room
    store: FileOperations
    open: Callable[..., Listener]

    @property
    def command_topic(self) -> str:
        return f"projects/{self.clients.project}/topics/commands"

    def publish(self, given: dict[str, Any] | bytes) -> None:
        data = given if isinstance(given, bytes) else json.dumps(given).encode()
        self.clients.publisher.publish(topic=self.command_topic, messages=[{"data": data}])

    def pulled(self, subscription: str) -> list[Any]:
        """What came since the last look."""
        name = f"projects/{self.clients.project}/subscriptions/{subscription}"
        try:
            found = self.clients.subscriber.pull(subscription=name, max_messages=100, timeout=1.0).received_messages
        except DeadlineExceeded:
            return []
        if found:
            self.clients.subscriber.acknowledge(subscription=name, ack_ids=[one.ack_id for one in found])
        return [one.message for one in found]

    def completions(self) -> list[dict[str, Any]]:
        """Of commands: that the door is open is left out."""
        found = [json.loads(one.data) for one in self.pulled("completions-watched")]
        return [one for one in found if one["status"] != "setup_complete"]

    def waiting(self) -> int:
        """Commands that nobody holds."""
        return len(self.pulled("commands-director"))


@pytest.fixture
def wire(managed: Path, clients: Clients, director: Director, grants: tuple[Grant, ...]) -> Iterator[Wire]:
    where, project = places(load(managed).architecture), clients.project
    for name in ("commands", "completions", "command-letters"):
        clients.publisher.create_topic(name=f"projects/{project}/topics/{name}")
    for name in ("commands-director", "completions-watched", "command-letters-watched"):
        subscriber, pubsub_topic = clients.subscriber, f"projects/{project}/topics/{name.rpartition('-')[0]}"
        subscriber.create_subscription(name=f"projects/{project}/subscriptions/{name}", topic=pubsub_topic)
    store = FileOperations()
    room = Room(director, Authorization(grants), Audit(MemoryRecords()), Operations(store, fault))
    opened: list[Listener] = []

    def open_(**more: Any) -> Listener:
        outbox = Outbox(clients.publisher, Retries(attempts=1), where)
        listener = Listener(where.commands, **{"look": 0.2, "first_pause": 0.05, **more})
        opened.append(listener)
        pauses = Retries(first=0.05, longest=0.1)
        door = CommandDoor(room, outbox, Figures(CollectorRegistry()), where.commands, listener.stopping, pauses)
        listener.start(door.take)
        return listener

    yield Wire(clients, where, room, store, open_)
    room.operations.close(5)
    for listener in opened:
        listener.close(20)
    store.close()


def now_issued(**more: Any) -> dict[str, Any]:
    """A command by the clock on the wall."""
    return command(issued_at=(datetime.now(UTC) - timedelta(seconds=1)).isoformat(), **more)
