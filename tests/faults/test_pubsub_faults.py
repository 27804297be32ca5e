"""What happens to messages when Pub/Sub is away, slow, silent, refuses them or us."""

import itertools
import time

import pytest

from localcloud.chaos import Chaos
from localcloud.faults import Fault
from tests.faults.rig import Rig, numbered


def test_a3_while_pubsub_is_away_nothing_is_acknowledged_and_then_all_arrives(rig: Rig) -> None:
    rig.configure(receive_maximum=50)
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    rig.send(numbered(300))
    rig.eventually(lambda: rig.bridge.metric("bridge_publish_retries_total") >= 3)
    assert rig.bridge.metric("bridge_in_flight") == rig.bridge.metric("bridge_received_total") == 50
    assert rig.bridge.metric("bridge_published_total") == 0
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(300))
    rig.settled()


def test_a4_a_hanging_publish_is_given_up_at_its_deadline_and_tried_once_per_deadline(rig: Rig) -> None:
    rig.configure(publishing={"deadline_seconds": 1.0})
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="hang"))
    rig.send(["held"])
    began = time.monotonic()
    rig.eventually(lambda: len(tries(rig)) >= 4)
    assert time.monotonic() - began >= 3  # deadlines; the waits in between come on top
    rig.send(numbered(20))
    rig.eventually(lambda: rig.bridge.metric("bridge_received_total") == 21)
    assert rig.bridge.metric("bridge_in_flight") == 21
    rig.cloud.faults.remove(fault)
    rig.arrived(["held", *numbered(20)])
    rig.settled()


def tries(rig: Rig) -> list[object]:
    return [one for one in rig.cloud.faults.log if one.resource == rig.topic]


def test_a4_connections_to_pubsub_that_carry_nothing_any_more_are_replaced(rig: Rig) -> None:
    """As after a firewall forgot them: no answer, no RST, and only a new connection would work."""
    rig.configure(publishing={"deadline_seconds": 1.0})
    with Chaos(int(rig.cloud.grpc_address.rsplit(":")[-1])) as chaos:
        rig.start(environment={"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{chaos.port}"})
        rig.send(["before"])
        rig.arrived(["before"])
        chaos.strand()
        rig.send(numbered(20))
        rig.arrived(numbered(20), seconds=60)
        rig.settled()
        rig.bridge.kill()


@pytest.mark.parametrize("way", ["up", "down", None])
def test_a4_a_blackhole_before_pubsub_ends_with_nothing_lost(rig: Rig, way: str | None) -> None:
    rig.configure(publishing={"deadline_seconds": 1.0})
    with Chaos(int(rig.cloud.grpc_address.rsplit(":")[-1])) as chaos:
        rig.start(environment={"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{chaos.port}"})
        chaos.blackhole(way)
        rig.send(numbered(20))
        rig.eventually(lambda: rig.bridge.metric("bridge_publish_retries_total") >= 2)
        assert rig.bridge.metric("bridge_in_flight") == 20
        chaos.calm()
        rig.arrived(numbered(20))
        rig.settled()
        rig.bridge.kill()


def test_a5_an_answer_lost_after_the_effect_makes_a_duplicate_with_the_same_id(rig: Rig) -> None:
    rig.start()
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, when="after", calls=1))
    rig.send(["only"])
    rig.eventually(lambda: rig.collect()["only"] == 2)
    rig.settled()


def test_a6_one_message_pubsub_refuses_is_a_dead_letter_and_its_neighbours_go_on(rig: Rig) -> None:
    rig.start()
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, calls=3))
    rig.cloud.faults.add(
        Fault(method="pubsub.Publish", resource=rig.topic, code="INVALID_ARGUMENT", marker="the-poison")
    )
    rig.send(numbered(50))
    rig.send(["poison"], payload=b"the-poison")
    rig.send(numbered(49, 50))
    rig.arrived(numbered(99))
    (letter,) = rig.dead_letters(1)
    assert letter.data == b"the-poison"
    assert letter.attributes["dead_letter.reason"] == "refused_by_pubsub"
    assert letter.attributes["ce-id"] == "poison"
    rig.settled()


@pytest.mark.parametrize(("code", "advice"), [("PERMISSION_DENIED", "roles/pubsub.publisher"), ("NOT_FOUND", "exist")])
def test_a7_a_missing_right_or_topic_holds_everything_and_says_what_to_do(rig: Rig, code: str, advice: str) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, code=code))
    rig.send(numbered(5))
    rig.eventually(lambda: rig.bridge.page("readyz")[0] == 503)
    text = rig.bridge.page("readyz")[1]
    assert rig.topic in text
    assert advice in text
    assert rig.bridge.page("livez")[0] == 200
    assert rig.bridge.metric("bridge_in_flight") == 5
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(5))
    rig.eventually(lambda: rig.bridge.ready)
    assert rig.dead_letters() == []


def test_a8_a_dead_letter_that_cannot_be_written_is_not_acknowledged(rig: Rig) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.dead_topic))
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, code="INVALID_ARGUMENT", marker="poison"))
    rig.send(["bad"], payload=b"poison")
    rig.eventually(lambda: rig.bridge.metric("bridge_publish_retries_total") >= 2)
    assert rig.bridge.metric("bridge_in_flight") == 1
    rig.bridge.kill()
    rig.cloud.faults.remove(fault)
    rig.start()
    (letter,) = rig.dead_letters(1)
    assert letter.data == b"poison"


@pytest.mark.parametrize("action", ["delay", "hang"])
def test_a14_a_slow_pubsub_does_not_cost_the_connection_its_keepalive(rig: Rig, chaos: Chaos, action: str) -> None:
    rig.configure(keepalive_seconds=2)
    rig.start()
    fault = rig.cloud.faults.add(
        Fault(method="pubsub.Publish", resource=rig.topic, action=action, seconds=4)  # type: ignore[arg-type]
    )
    until = time.monotonic() + 7  # more than three times the keepalive
    for start in itertools.count(0, 20):
        rig.send(numbered(20, start))
        assert rig.bridge.page("livez")[0] == 200
        if time.monotonic() > until:
            break
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(start + 20))
    assert chaos.accepted == chaos.open == 1
    rig.settled()
