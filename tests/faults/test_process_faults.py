"""What happens to messages when the bridge itself is killed, stopped, frozen, doubled or broken."""

import signal
import threading
import time

import pytest

from localcloud.chaos import Chaos
from localcloud.faults import Fault
from tests.faults.rig import Rig, numbered


def test_without_faults_every_message_arrives_once_with_its_facts(rig: Rig) -> None:
    rig.start()
    rig.send(numbered(200), payload=b"\x00\xff")
    rig.arrived(numbered(200))
    assert set(rig.ids.values()) == {1}
    message = rig.received[0]
    assert message.data == b"\x00\xff"
    assert message.attributes["ce-subject"] == message.attributes["capture.device"] == "d1"
    rig.settled()
    assert rig.bridge.metric("bridge_received_total") == rig.bridge.metric("bridge_published_total") == 200


def test_a1_killed_between_publish_and_acknowledgement_loses_nothing(rig: Rig) -> None:
    """The answer to the publish is held back, so the kill falls between the effect and the acknowledgement."""
    rig.configure(receive_maximum=10)
    rig.start()
    rig.send(numbered(1, 1_000))
    rig.arrived(numbered(1, 1_000))
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="hang", when="after"))
    rig.send(numbered(20))
    rig.eventually(lambda: rig.cloud.faults.log)
    rig.bridge.kill()
    rig.cloud.faults.remove(fault)
    rig.start()
    rig.arrived(numbered(20))
    twice = [identity for identity, count in rig.ids.items() if count > 1]
    assert 0 < len(twice) <= 10  # Receive Maximum, at each kill
    assert any(message.attributes["mqtt.dup"] == "true" for message in rig.received)


def test_a11_of_two_bridges_with_one_id_one_leaves_and_says_why(rig: Rig) -> None:
    rig.start()
    both = [rig.bridge, rig.another()]
    both[1].start()
    rig.eventually(lambda: any(bridge.exit_code is not None for bridge in both))
    (left,) = [bridge for bridge in both if bridge.exit_code is not None]
    (stayed,) = [bridge for bridge in both if bridge is not left]
    assert left.exit_code == 3
    assert "another client uses our client id" in left.said()
    rig.send(numbered(20))
    rig.arrived(numbered(20))
    assert stayed.exit_code is None


def test_a13_a_bug_in_a_callback_ends_the_process_within_two_seconds_and_loses_nothing(rig: Rig) -> None:
    rig.start(program=["-m", "tests.faults.buggy_bridge"])
    rig.send(numbered(20))
    rig.send(["worse"], payload=b"the-bug")
    began = time.monotonic()
    rig.eventually(lambda: rig.bridge.exit_code is not None)
    assert time.monotonic() - began <= 2
    assert rig.bridge.exit_code != 0
    rig.send(numbered(20, 20))
    rig.start()
    rig.arrived([*numbered(40), "worse"])


def test_a15_sigterm_under_load_ends_with_nothing_lost_and_the_session_kept(rig: Rig) -> None:
    rig.start()
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="delay", seconds=0.05))
    sender = threading.Thread(target=rig.send, args=(numbered(5_000),))
    sender.start()
    rig.arrived(numbered(200))
    in_flight = rig.bridge.metric("bridge_in_flight")
    began = time.monotonic()
    assert rig.bridge.terminate() == 0
    assert time.monotonic() - began <= 10
    sender.join()
    rig.send(numbered(50, 5_000))
    rig.start()
    rig.arrived(numbered(5_050))
    assert sum(rig.ids.values()) - len(rig.ids) <= max(in_flight, 1_000)  # Receive Maximum
    assert rig.bridge.metric("bridge_sessions_lost") == 0


def test_a15_sigterm_when_idle_makes_no_duplicates(rig: Rig) -> None:
    rig.start()
    rig.send(numbered(50))
    assert rig.bridge.terminate() == 0
    rig.send(numbered(50, 50))
    rig.start()
    rig.arrived(numbered(100))
    assert set(rig.ids.values()) == {1}


def test_a15_sigterm_while_pubsub_is_away_ends_in_time_and_keeps_everything_at_the_broker(rig: Rig) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    rig.send(numbered(50))
    rig.eventually(lambda: rig.bridge.metric("bridge_in_flight") > 0)
    began = time.monotonic()
    assert rig.bridge.terminate() == 0
    assert time.monotonic() - began <= 10
    rig.cloud.faults.remove(fault)
    rig.start()
    rig.arrived(numbered(50))
    assert set(rig.ids.values()) == {1}


@pytest.mark.parametrize("frozen", [1.0, 10.0], ids=["less than keepalive", "longer than keepalive"])
def test_a16_frozen_and_thawed_it_goes_on_and_loses_nothing(rig: Rig, chaos: Chaos, frozen: float) -> None:
    """At a keepalive of 2 s ten seconds are what minutes are at the usual one (mosquitto looks every five)."""
    rig.configure(keepalive_seconds=2)
    rig.start()
    sender = threading.Thread(target=rig.send, args=(numbered(3_000),))
    sender.start()
    rig.arrived(numbered(20))
    rig.bridge.signal(signal.SIGSTOP)
    time.sleep(frozen)
    rig.bridge.signal(signal.SIGCONT)
    sender.join()
    rig.send(numbered(100, 3_000))
    rig.arrived(numbered(3_100))
    rig.settled()
    assert rig.bridge.exit_code is None
    assert (chaos.accepted > 1) == (frozen > 2)


def test_a17_what_queues_while_the_bridge_is_away_is_delivered_all(rig: Rig) -> None:
    rig.start()
    assert rig.bridge.terminate() == 0
    rig.send(numbered(1_500))
    rig.start()
    rig.arrived(numbered(1_500))


@pytest.mark.parametrize("broker_settings", [{"max_queued_messages": "1000"}])
def test_a17_a_broker_that_keeps_1000_messages_loses_the_others_before_they_reach_us(rig: Rig) -> None:
    """Why the shipped configuration has no limit: the devices were told that all 1,500 had arrived."""
    rig.start()
    assert rig.bridge.terminate() == 0
    rig.send(numbered(1_500))
    rig.start()
    rig.send(["last"])
    rig.arrived(["last"])
    rig.settled()
    assert len(rig.collect()) < 1_500


def test_a21_more_than_1024_open_descriptors_do_no_harm(rig: Rig) -> None:
    """paho's own loop waits in select(), which knows no descriptor above 1,023: it would never connect."""
    rig.start(program=["-m", "tests.faults.crowded_bridge", "2000"])
    rig.send(numbered(20))
    rig.arrived(numbered(20))


def test_a21_too_few_descriptors_left_are_refused_at_the_start(rig: Rig) -> None:
    rig.configure()
    rig.bridge.start(program=["-m", "tests.faults.crowded_bridge", "1150"])
    rig.eventually(lambda: rig.bridge.exit_code is not None)
    assert rig.bridge.exit_code == 2
    assert "file descriptors" in rig.bridge.said()
    assert "Traceback" not in rig.bridge.said()
