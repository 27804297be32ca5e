"""What the bridge does when its surroundings fail. Each fault has an id in the fault table of docs/reliability.md."""

from typing import Any

from localcloud.faults import Fault


def numbered(count: int, start: int = 0) -> list[str]:
    return [f"m{number}" for number in range(start, start + count)]


def test_without_faults_every_message_arrives_once_with_its_facts(rig: Any) -> None:
    rig.start()
    rig.send(numbered(200), payload=b"\x00\xff")
    rig.arrived(numbered(200))
    assert set(rig.ids.values()) == {1}
    message = rig.received[0]
    assert message.data == b"\x00\xff"
    assert message.attributes["ce-subject"] == message.attributes["capture.device"]
    rig.eventually(lambda: rig.metric("bridge_in_flight") == 0)
    assert rig.metric("bridge_received_total") == rig.metric("bridge_published_total") == 200


def test_a1_killed_between_publish_and_acknowledgement_loses_nothing(rig: Any) -> None:
    """The answer to the publish is held back, so the kill falls between the effect and the acknowledgement."""
    rig.start()
    rig.send(numbered(1, 1_000))
    rig.arrived(numbered(1, 1_000))
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="hang", when="after"))
    rig.send(numbered(20))
    rig.eventually(lambda: rig.cloud.faults.log)
    rig.kill()
    rig.cloud.faults.remove(fault)
    rig.start()
    rig.arrived(numbered(20))
    twice = [identity for identity, count in rig.ids.items() if count > 1]
    assert twice
    assert len(twice) <= 1_000
    assert any(message.attributes["mqtt.dup"] == "true" for message in rig.received)


def test_a3_while_pubsub_is_away_nothing_is_acknowledged_and_then_all_arrives(rig: Any) -> None:
    rig.configure(receive_maximum=50)
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    rig.send(numbered(300))
    rig.eventually(lambda: rig.metric("bridge_publish_retries") >= 3)
    assert rig.metric("bridge_in_flight") <= 50
    assert rig.metric("bridge_published_total") == 0
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(300))


def test_a5_an_answer_lost_after_the_effect_makes_a_duplicate_with_the_same_id(rig: Any) -> None:
    rig.start()
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, when="after", calls=1))
    rig.send(["only"])
    rig.eventually(lambda: rig.collect()["only"] == 2)


def test_a6_one_message_pubsub_refuses_is_a_dead_letter_and_its_neighbours_go_on(rig: Any) -> None:
    rig.start()
    held = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, calls=3))
    rig.cloud.faults.add(
        Fault(method="pubsub.Publish", resource=rig.topic, code="INVALID_ARGUMENT", marker="the-poison")
    )
    rig.send(numbered(30))
    rig.send(["poison"], payload=b"the-poison")
    rig.send(numbered(30, 100))
    rig.arrived(numbered(30) + numbered(30, 100))
    letters: list[Any] = []
    rig.eventually(lambda: letters.extend(rig.dead_letters()) or letters)
    (letter,) = letters
    assert letter.data == b"the-poison"
    assert letter.attributes["dead_letter.reason"] == "refused_by_pubsub"
    assert letter.attributes["ce-id"] == "poison"
    assert held
    rig.eventually(lambda: rig.metric("bridge_in_flight") == 0)


def test_a7_a_missing_right_holds_everything_and_names_what_to_grant(rig: Any) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, code="PERMISSION_DENIED"))
    rig.send(numbered(5))
    rig.eventually(lambda: rig.page("readyz")[0] == 503)
    text = rig.page("readyz")[1]
    assert rig.topic in text
    assert "roles/pubsub.publisher" in text
    assert rig.page("livez")[0] == 200
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(5))
    rig.eventually(lambda: rig.page("readyz")[0] == 200)
    assert rig.dead_letters() == []


def test_a8_a_dead_letter_that_cannot_be_written_is_not_acknowledged(rig: Any) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.dead_topic))
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, code="INVALID_ARGUMENT", marker="poison"))
    rig.send(["bad"], payload=b"poison")
    rig.eventually(lambda: rig.metric("bridge_publish_retries") >= 2)
    assert rig.metric("bridge_in_flight") == 1
    rig.kill()
    rig.cloud.faults.remove(fault)
    rig.start()
    letters: list[Any] = []
    rig.eventually(lambda: letters.extend(rig.dead_letters()) or letters)
    assert letters[0].data == b"poison"


def test_a11_of_two_bridges_with_one_id_one_leaves_and_says_why(rig: Any) -> None:
    rig.start()
    first = rig.process
    rig.health_port += 1
    rig.start(ready=False)
    both = [first, rig.process]
    rig.eventually(lambda: any(process.poll() is not None for process in both))
    stayed = [process for process in both if process.poll() is None]
    assert [process.wait() for process in both if process not in stayed] == [3]
    for process in stayed:
        process.kill()
        process.wait()


def test_a15_sigterm_ends_with_nothing_lost_and_the_session_kept(rig: Any) -> None:
    rig.start()
    rig.send(numbered(50))
    assert rig.terminate() == 0
    rig.send(numbered(50, 50))
    rig.start()
    rig.arrived(numbered(100))
    assert set(rig.ids.values()) == {1}


def test_a17_what_queues_while_the_bridge_is_away_is_delivered_all(rig: Any) -> None:
    rig.start()
    assert rig.terminate() == 0
    rig.send(numbered(1_500))
    rig.start()
    rig.arrived(numbered(1_500))
