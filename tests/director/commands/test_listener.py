"""Commands through a real Pub/Sub: taken once they can be, acknowledged when they are done with, and never lost."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from director.commands.listener import Listener
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.commands.conftest import Wire, now_issued


def test_a_command_is_acknowledged_after_its_end_is_told(
    wire: Wire, world: Any, eventually: Callable[..., None]
) -> None:
    listener = wire.open()
    given = now_issued()
    wire.publish(given)
    told: list[dict[str, Any]] = []
    eventually(lambda: told.extend(wire.completions()) or told)
    assert [(one["command_id"], one["status"]) for one in told] == [(given["command_id"], "dataflow_complete")]
    assert len(world.created) == 7
    assert listener.listening().subscribed
    assert listener.listening().quiet is not None
    listener.close(20)
    assert not listener.listening().subscribed
    assert wire.waiting() == 0


def test_completions_carry_attributes_for_filters(wire: Wire, eventually: Callable[..., None]) -> None:
    wire.open()
    given = now_issued()
    wire.publish(given)
    found: list[Any] = []
    eventually(lambda: found.extend(one for one in wire.pulled("completions-watched")) or found)
    attributes = dict(found[-1].attributes)
    assert attributes.pop("event_id")
    assert attributes.pop("operation_id").startswith("op-")
    assert attributes == {
        "v": "1", "status": "dataflow_complete", "value": "air", "command_id": given["command_id"],
        "instruction": "dataflow-setup",
    }  # fmt: skip


def test_many_deliveries_of_many_commands_are_each_one_effect(
    wire: Wire, world: Any, eventually: Callable[..., None]
) -> None:
    """Of two dataflows, five times over, at once."""
    wire.open()
    commands = [now_issued(), now_issued(dataflow="control")]
    for _ in range(5):
        for given in commands:
            wire.publish(given)
    told: list[dict[str, Any]] = []
    eventually(lambda: told.extend(wire.completions()) or len(told) >= 10)
    assert {one["status"] for one in told} == {"dataflow_complete"}
    assert len({one["event_id"] for one in told}) == 2
    assert len(world.created) == len(set(world.created)) == 12


def test_what_cannot_be_understood_does_not_come_again(wire: Wire, eventually: Callable[..., None]) -> None:
    listener = wire.open()
    wire.publish(b"not json")
    letters: list[Any] = []
    eventually(lambda: letters.extend(wire.pulled("command-letters-watched")) or letters)
    [letter] = letters
    assert letter.data == b"not json"
    assert letter.attributes["dead_letter.stage"] == "director"
    assert letter.attributes["dead_letter.reason"] == "invalid_json"
    assert letter.attributes["dead_letter.original_topic"] == wire.places.commands
    assert letter.attributes["dead_letter.attempt"] == "1"
    assert "send an object" in letter.attributes["dead_letter.message"]
    listener.close(20)
    assert wire.waiting() == 0


@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED"])
def test_while_completions_cannot_be_published_the_command_is_held_and_told_later(
    wire: Wire, world: Any, cloud: LocalCloud, eventually: Callable[..., None], code: str
) -> None:
    wire.open()
    given = now_issued()
    struck = len(cloud.faults.log)
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=wire.places.completions, code=code))
    wire.publish(given)
    eventually(lambda: len(cloud.faults.log) > struck + 3)
    assert len(world.created) == 7
    cloud.faults.remove(fault)
    told: list[dict[str, Any]] = []
    eventually(lambda: told.extend(wire.completions()) or told)
    assert {one["command_id"] for one in told} == {given["command_id"]}
    assert len(world.created) == 7


def test_a_director_that_stops_before_it_could_tell_leaves_the_command_to_the_next(
    wire: Wire, world: Any, cloud: LocalCloud, eventually: Callable[..., None]
) -> None:
    first = wire.open()
    given = now_issued()
    struck = len(cloud.faults.log)
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=wire.places.completions))
    wire.publish(given)
    eventually(lambda: len(cloud.faults.log) > struck and len(world.created) == 7)
    first.close(20)
    cloud.faults.remove(fault)
    assert wire.completions() == []
    wire.open()
    told: list[dict[str, Any]] = []
    eventually(lambda: told.extend(wire.completions()) or told, 90)  # it may have gone to the stream that was closing
    assert {one["command_id"] for one in told} == {given["command_id"]}
    assert len(world.created) == 7
    operations, _ = wire.room.operations.page(None, 9, ["air"])
    assert [one.state for one in operations] == ["succeeded"]


def test_it_says_what_is_missing_and_begins_once_it_is_there(
    wire: Wire, cloud: LocalCloud, eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    name = wire.places.commands
    wire.clients.subscriber.delete_subscription(subscription=name)
    listener = wire.open()
    eventually(lambda: "it has to be there: apply the dataflow that declares it" in caplog.text)
    assert not listener.listening().subscribed
    wire.clients.subscriber.create_subscription(name=name, topic=wire.command_topic)
    eventually(lambda: listener.listening().subscribed)
    wire.publish(now_issued(instruction="verify"))
    eventually(wire.completions)


def test_a_subscription_that_goes_away_or_is_forbidden_is_noticed_and_comes_back(
    wire: Wire, cloud: LocalCloud, eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    listener = wire.open()
    eventually(lambda: listener.listening().subscribed)
    fault = cloud.faults.add(Fault(method="pubsub.GetSubscription", code="PERMISSION_DENIED"))
    eventually(lambda: not listener.listening().subscribed)
    assert "the director needs roles/pubsub.subscriber on it" in caplog.text
    cloud.faults.remove(fault)
    eventually(lambda: listener.listening().subscribed)
    fault = cloud.faults.add(Fault(method="pubsub.*", resource="*", code="UNAVAILABLE"))
    eventually(lambda: not listener.listening().subscribed)
    cloud.faults.remove(fault)
    eventually(lambda: listener.listening().subscribed)
    wire.publish(now_issued(instruction="verify"))
    eventually(wire.completions)


def test_that_commands_are_taken_is_told_when_they_are(wire: Wire, eventually: Callable[..., None]) -> None:
    opened = threading.Event()
    wire.open(opened=opened.set)
    assert opened.wait(20)


def test_an_error_in_taking_one_keeps_no_other_waiting(
    wire: Wire, eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[bytes] = []

    def take(letter: Any) -> bool:
        taken.append(letter.data)
        if letter.data == b"bad" and taken.count(b"bad") < 3:
            raise ZeroDivisionError("a bug")
        return True

    listener = Listener(wire.places.commands, first_pause=0.05)
    listener.start(take)
    with caplog.at_level(logging.ERROR):
        for data in (b"bad", b"good"):
            wire.publish(data)
        eventually(lambda: taken.count(b"bad") == 3 and b"good" in taken)
    listener.close(20)
    assert "could not be taken" in caplog.text
    assert wire.waiting() == 0
