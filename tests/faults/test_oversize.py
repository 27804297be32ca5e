"""A18: messages larger than a route or Pub/Sub takes."""

import hashlib

import pytest

from tests.faults.rig import Rig, numbered

LIMIT = 10_000
LARGE = bytes(range(256)) * 100


def test_a18_a_payload_over_its_route_s_limit_is_a_dead_letter_with_all_of_it(rig: Rig) -> None:
    rig.configure({"max_payload_bytes": LIMIT, "on_oversize": "dead_letter"})
    rig.start()
    rig.send(numbered(10))
    rig.send(["large"], payload=LARGE)
    rig.send(numbered(10, 10))
    rig.arrived(numbered(20))
    (letter,) = rig.dead_letters(1)
    assert letter.data == LARGE
    assert letter.attributes["ce-id"] == "large"
    assert letter.attributes["dead_letter.reason"] == "too_large"
    rig.settled()


def test_a18_a_payload_over_its_route_s_limit_can_be_truncated_and_says_so(rig: Rig) -> None:
    rig.configure({"max_payload_bytes": LIMIT, "on_oversize": "truncate"})
    rig.start()
    rig.send(["large", "small"], payload=LARGE)
    rig.arrived(["large", "small"])
    message = rig.received[0]
    assert message.data == LARGE[:LIMIT]
    assert message.attributes["mqtt.payload_bytes"] == str(len(LARGE))
    assert message.attributes["mqtt.payload_sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert rig.dead_letters() == []
    rig.settled()


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_a18_the_limit_itself_still_passes(rig: Rig, size: int) -> None:
    rig.configure({"max_payload_bytes": LIMIT, "on_oversize": "truncate"})
    rig.start()
    rig.send(["one"], payload=bytes(size))
    rig.arrived(["one"])
    assert ("mqtt.payload_bytes" in rig.received[0].attributes) == (size > LIMIT)
