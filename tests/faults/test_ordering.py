"""A20: with an ordering key the messages of a key arrive in the order they were received, whatever fails."""

from collections import defaultdict

import pytest

from localcloud.faults import Fault
from tests.faults.rig import Rig, numbered

DEVICES = ["d1", "d2", "d3"]
EACH = 200


def first_copies(rig: Rig) -> dict[str, list[int]]:
    """Serial numbers of each device in the order in which they first arrived."""
    seen: set[str] = set()
    order: dict[str, list[int]] = defaultdict(list)
    for message in rig.received:
        identity = message.attributes["ce-id"]
        if identity not in seen:
            seen.add(identity)
            device, serial = identity.split("-")
            order[device].append(int(serial))
    return order


def send_interleaved(rig: Rig, poisoned: str = "") -> None:
    for serial in range(EACH):
        for device in DEVICES:
            identity = f"{device}-{serial}"
            rig.send([identity], payload=b"the-poison" if identity == poisoned else b"{}", device=device)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a20_transient_errors_do_not_change_the_order_within_a_key(rig: Rig, when: str) -> None:
    rig.configure({"ordering_key": "{device}"})
    rig.start()
    rig.cloud.faults.add(
        Fault(method="pubsub.Publish", resource=rig.topic, when=when, share=0.2, seed=20)  # type: ignore[arg-type]
    )
    send_interleaved(rig)
    rig.arrived([f"{device}-{serial}" for device in DEVICES for serial in range(EACH)], 60)
    assert {message.ordering_key for message in rig.received} == set(DEVICES)
    assert first_copies(rig) == {device: list(range(EACH)) for device in DEVICES}
    rig.settled()


def test_a20_a_message_that_is_refused_becomes_a_dead_letter_and_its_key_goes_on_in_order(rig: Rig) -> None:
    rig.configure({"ordering_key": "{device}"})
    rig.start()
    rig.cloud.faults.add(
        Fault(method="pubsub.Publish", resource=rig.topic, code="INVALID_ARGUMENT", marker="the-poison")
    )
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, share=0.1, seed=21))
    send_interleaved(rig, poisoned="d2-100")
    good = [f"{device}-{serial}" for device in DEVICES for serial in range(EACH) if (device, serial) != ("d2", 100)]
    rig.arrived(good, 60)
    (letter,) = rig.dead_letters(1)
    assert letter.attributes["ce-id"] == "d2-100"
    expected = {device: list(range(EACH)) for device in DEVICES}
    expected["d2"].remove(100)
    assert first_copies(rig) == expected
    rig.settled()


def test_a20_a_key_that_fails_does_not_hold_up_the_others(rig: Rig) -> None:
    rig.configure({"ordering_key": "{device}"})
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, marker="held back"))
    rig.send(numbered(1, prefix="d1-"), payload=b"held back", device="d1")
    rig.send(numbered(20, 1, prefix="d1-"), device="d1")
    rig.send(numbered(50, prefix="d2-"), device="d2")
    rig.arrived(numbered(50, prefix="d2-"))
    assert "d1" not in first_copies(rig)
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(21, prefix="d1-"))
    assert first_copies(rig) == {"d1": list(range(21)), "d2": list(range(50))}
    rig.settled()


def test_a20_the_order_within_a_key_survives_kill_9(rig: Rig) -> None:
    """Copies come again, but no first copy after one that was received later."""
    rig.configure({"ordering_key": "{device}"})
    rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="delay", seconds=0.02))
    for start in range(0, EACH, EACH // 4):
        rig.start()
        for device in DEVICES:
            rig.send(numbered(EACH // 4, start, prefix=f"{device}-"), device=device)
        rig.bridge.kill()
    rig.start()
    rig.arrived([f"{device}-{serial}" for device in DEVICES for serial in range(EACH)])
    assert first_copies(rig) == {device: list(range(EACH)) for device in DEVICES}
