"""Whoever sends a command learns how it ended: from the event, or where that is lost, from the operation."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from director.client import DirectorClient
from director.commands.command import Refused
from director.commands.sender import CommandSender, Completions, NoWord
from director.rest.app import Safety, close, create_app
from director.safety.audit import MemoryRecords
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.commands.conftest import Wire
from tests.director.rest.conftest import serving

SETUP = {"dataflow_name": "air"}


@pytest.fixture
def rest(wire: Wire) -> Iterator[DirectorClient]:
    """The other door, to the same room."""
    app = create_app(wire.room.director, None, Safety(records=MemoryRecords(), store=wire.store))
    served = serving(app)
    yield DirectorClient(next(served), budget=1.0)
    next(served, None)
    close(app)


def completions(wire: Wire) -> Completions:
    return Completions(wire.clients.subscriber, f"projects/{wire.clients.project}/subscriptions/completions-watched")


def test_the_event_tells_how_a_command_ended(wire: Wire) -> None:
    wire.open()
    sender = CommandSender(wire.clients.publisher, wire.command_topic, completions=completions(wire))
    first, second = sender.send("verify", SETUP), sender.send("dataflow-setup", SETUP)
    ends = {one.command_id: one for one in (sender.wait(second, 30), sender.wait(first, 30))}
    assert (ends[second].status, ends[second].instruction) == ("dataflow_complete", "dataflow-setup")
    assert ends[first].instruction == "verify", "that of another was kept for whoever waits for it"


def test_where_the_event_is_lost_the_operation_tells(wire: Wire, rest: DirectorClient) -> None:
    wire.open()
    sender = CommandSender(wire.clients.publisher, wire.command_topic, director=rest, poll_seconds=0.1)
    command_id = sender.send("dataflow-setup", SETUP)
    end = sender.wait(command_id, 30)
    assert (end.status, end.command_id, len(end.resources)) == ("dataflow_complete", command_id, 7)
    [event] = wire.completions()
    assert event["event_id"] == end.event_id, "it is the same end"


def test_a_reader_that_loses_its_events_still_learns_the_end(
    wire: Wire, rest: DirectorClient, eventually: Callable[..., None]
) -> None:
    """Somebody else reads the same subscription and swallows what comes."""
    wire.open()
    sender = CommandSender(wire.clients.publisher, wire.command_topic, rest, completions(wire), poll_seconds=0.2)
    command_id = sender.send("dataflow-setup", SETUP)
    eventually(wire.completions)
    assert sender.wait(command_id, 30).status == "dataflow_complete"


def test_the_same_id_sends_the_same_command_again(wire: Wire, world: Any) -> None:
    wire.open()
    sender = CommandSender(wire.clients.publisher, wire.command_topic, completions=completions(wire))
    command_id = sender.send("dataflow-setup", SETUP, "deployment-0001")
    first = sender.wait(command_id, 30)
    sender.send("dataflow-setup", SETUP, command_id)
    assert sender.wait(command_id, 30) == first
    assert len(world.created) == 7


def test_a_refusal_is_told_too(wire: Wire) -> None:
    wire.open()
    sender = CommandSender(wire.clients.publisher, wire.command_topic, completions=completions(wire))
    end = sender.wait(sender.send("dataflow-setup", {"dataflow_name": "fire"}), 30)
    assert (end.status, end.code, end.operation_id) == ("failure", "unknown_dataflow", None)


def test_a_command_that_would_be_refused_is_not_sent(wire: Wire) -> None:
    sender = CommandSender(wire.clients.publisher, wire.command_topic)
    with pytest.raises(Refused, match="needs a plan_hash, or confirm"):
        sender.send("teardown", SETUP)
    with pytest.raises(Refused, match="must be 8-64 letters"):
        sender.send("verify", SETUP, "short")
    assert wire.waiting() == 0


def test_without_any_word_it_says_so_in_time(wire: Wire, rest: DirectorClient) -> None:
    sender = CommandSender(wire.clients.publisher, wire.command_topic, rest, completions(wire), poll_seconds=0.1)
    began = time.monotonic()
    with pytest.raises(NoWord, match="look at the dead letters"):
        sender.wait(sender.send("verify", SETUP), 0.5)
    assert time.monotonic() - began < 10


def test_what_is_no_completion_is_passed_over_and_faults_are_waited_out(
    wire: Wire, rest: DirectorClient, cloud: LocalCloud
) -> None:
    wire.open()
    sender = CommandSender(wire.clients.publisher, wire.command_topic, rest, completions(wire), poll_seconds=0.2)
    topic = wire.places.completions
    wire.clients.publisher.publish(topic=topic, messages=[{"data": b"odd"}, {"data": json.dumps({"v": 9}).encode()}])
    cloud.faults.add(Fault(method="pubsub.Pull", code="UNAVAILABLE", calls=2))
    assert sender.wait(sender.send("dataflow-setup", SETUP), 30).status == "dataflow_complete"
