"""A drain measures only who acknowledged and published everything."""

import sys

import pytest

from benchmarks.bridge.contenders import CLIENT_ID, Contender, Start, contenders
from benchmarks.bridge.drain import drain
from benchmarks.bridge.latency import latency, quantile
from benchmarks.bridge.stand import Incomplete, Stand

MESSAGES = 1_500
PAHO = """
import sys, paho.mqtt.client as mqtt
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=sys.argv[2], clean_session=False, manual_ack={})
client.on_connect = lambda *_: client.subscribe("sites/+/+", 1)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()
"""


def program(text: str) -> Contender:
    def start(at: Stand, hold: float) -> Start:
        return [sys.executable, "-c", text, str(at.mqtt_port), CLIENT_ID], {}

    return Contender(start)


@pytest.fixture
def peer() -> Contender:
    """A complete bridge that needs nothing but what is installed."""
    return contenders()["paho + PublisherClient"]


def test_a_bridge_that_drains_the_queue_is_measured(peer: Contender) -> None:
    metrics = drain(peer, MESSAGES, longest=60)
    assert metrics["msg/s"] > 0
    assert metrics["msg/CPU-s"] > 0
    assert metrics["peak MB"] > 5


def test_acknowledging_without_publishing_is_found_out() -> None:
    with pytest.raises(Incomplete, match="not drained within 4 s"):
        drain(program(PAHO.format(False)), MESSAGES, longest=4)


def test_receiving_without_acknowledging_is_found_out() -> None:
    with pytest.raises(Incomplete, match="not drained within 4 s"):
        drain(program(PAHO.format(True)), MESSAGES, longest=4)


def test_a_contender_that_ends_is_quoted() -> None:
    with pytest.raises(Incomplete, match="it ended with 1: no such broker"):
        drain(program("raise SystemExit('no such broker')"), MESSAGES, longest=30)


def test_latency_is_that_of_messages_with_all_their_attributes(peer: Contender) -> None:
    p50, p99 = latency(peer, rate=200, hold=0.001, warm_up=0.2, measured=0.5)
    assert 0 < p50 <= p99


def test_a_missing_attribute_is_found_out(peer: Contender) -> None:
    wanting = Contender(peer.start, attributes=frozenset({"capture.site", "capture.planet"}))
    with pytest.raises(Incomplete, match=r"lack attributes: capture\.planet"):
        latency(wanting, rate=200, hold=0.001, warm_up=0.2, measured=0.5)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)])
def test_a_quantile_is_the_smallest_value_the_share_does_not_exceed(share: float, value: float) -> None:
    assert quantile([float(number) for number in range(100, 0, -1)], share) == value
