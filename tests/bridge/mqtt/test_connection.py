"""The connection holds, or is lost in a way that is seen and mended, whatever comes."""

import contextlib
import os
import threading
from typing import Any

import paho.mqtt.client as paho
import pytest

from bridge.mqtt.broker import Broker
from bridge.mqtt.session import MqttSource
from localcloud.chaos import Chaos

CONNACK = {"5": b"\x20\x03\x00\x00\x00", "3.1.1": b"\x20\x02\x00\x00"}


def one_of(kind: int, first: bytes, then: bytes, still_first: bool) -> bytes:
    """One answer to CONNECT, later another; nothing to anything else."""
    if kind != 0x10:
        return b""
    return first if still_first else then


def send(client: paho.Client, payloads: list[bytes]) -> None:
    for payload in payloads:
        client.publish("up/d", payload, qos=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"tls": {"ca_file": "/nowhere/ca.pem"}},
        {"username": "bridge", "password": {"file": "/nowhere/password"}},
    ],
)
def test_files_that_cannot_be_read_are_an_error_at_the_start(settings: dict[str, Any], kept: Any) -> None:
    broker = Broker.model_validate({"url": "mqtts://127.0.0.1", "client_id": "bridge", **settings}, strict=False)
    with pytest.raises(OSError, match=r"/nowhere/.*cannot be read"):
        MqttSource(broker, ["up/#"], kept)


def test_a_connection_without_encryption_is_remarked(
    broker_port: int, session: Any, caplog: pytest.LogCaptureFixture
) -> None:
    session(f"mqtt://127.0.0.1:{broker_port}")
    assert "is not encrypted" in caplog.text


class TestWhatBrokersNeverSend:
    @pytest.mark.parametrize(
        "packet",
        [
            pytest.param(b"\x90\x05\x00\x01\x00\x01\x01", id="SUBACK of nothing we asked"),
            pytest.param(b"\x90\x01\x00", id="SUBACK without a packet id"),
            pytest.param(b"\x90\x06\x00\x01\x02\x7f\x00\x01", id="SUBACK with an unknown property"),
            pytest.param(b"\x90\x04\x00\x01\x00\x55", id="SUBACK with an unknown code"),
            pytest.param(b"\xe0\x08\x00\x06\x1f\x00\x03\xff\xfe\xfd", id="DISCONNECT with bad UTF-8"),
            pytest.param(b"\xe0\x02\x00\xff", id="DISCONNECT that ends within a length"),
            pytest.param(b"\xe0\x01\x33", id="DISCONNECT with an unknown code"),
            pytest.param(b"\x40\x00", id="an empty PUBACK"),
            pytest.param(b"\x62\x02\x00\x01", id="PUBREL without PUBREC"),
            pytest.param(b"\xd0\x01\x00", id="PINGRESP with a body"),
            pytest.param(b"\x00\x00", id="a packet of no kind"),
            pytest.param(b"\x30\x01\x00", id="PUBLISH without a topic"),
            pytest.param(b"\x90\xff\xff\xff\xff\x7f", id="a length of five bytes"),
            pytest.param(b"\x20\x05\x00\x00\x02\x7f\x00", id="CONNACK with an unknown property"),
            pytest.param(CONNACK["5"], id="a second CONNACK"),
        ],
    )
    def test_never_end_the_bridge_and_are_mended_by_a_new_connection(
        self, packet: bytes, scripted: Any, session: Any, kept: Any, eventually: Any
    ) -> None:
        broker = scripted(lambda kind, body: CONNACK["5"] if kind == 0x10 else b"")
        source = session(broker.url)
        eventually(lambda: any(kind == 0x82 for kind, _ in broker.packets))
        broker.send(packet + b"\x30\x05\x00\x01u\x00!")
        eventually(lambda: source.connections == 2 or kept.deliveries)
        broker.send(b"\x30\x05\x00\x01u\x00?")
        eventually(lambda: kept.payloads[-1:] == [b"?"])
        assert source.alive

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"\x20\x05\x00\x00\x02\x7f\x00", id="an unknown property"),
            pytest.param(b"\x20\x03\x00\x55\x00", id="an unknown code"),
            pytest.param(b"\xff\xff\xff\xff\xff", id="a length of five bytes"),
            pytest.param(b"\x30\x05\x00\x01u\x00!" + CONNACK["5"], id="a message"),
        ],
    )
    def test_instead_of_a_connack_end_a_connection_that_never_counts(
        self, answer: bytes, scripted: Any, session: Any, kept: Any, eventually: Any
    ) -> None:
        broker = scripted(lambda kind, body: one_of(kind, answer, CONNACK["5"], broker.connections < 3))
        source = session(broker.url)
        eventually(lambda: source.connections == 1)
        assert broker.connections == 3
        assert kept.deliveries == []

    def test_cost_the_connection_only_though_paho_stumbles_over_it(
        self, scripted: Any, session: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        monkeypatch.setattr(paho.Client, "_handle_pingresp", lambda client: {}["paho"])
        broker = scripted(lambda kind, body: CONNACK["5"] + b"\xd0\x00" if kind == 0x10 else b"")
        source = session(broker.url)
        eventually(lambda: source.connections >= 2)
        assert source.alive
        assert "connection lost: packet 0xd0: KeyError: 'paho'" in caplog.text

    def test_are_logged_with_their_kind(self, scripted: Any, session: Any, eventually: Any, caplog: Any) -> None:
        broker = scripted(lambda kind, body: CONNACK["5"] + b"\x90\x01\x00" if kind == 0x10 else b"")
        session(broker.url)
        eventually(lambda: broker.connections == 2)
        assert "connection lost: packet 0x90" in caplog.text


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_refusal_is_told_as_the_problem_and_tried_again(
    protocol: str, scripted: Any, session: Any, eventually: Any
) -> None:
    code = b"\x87\x00" if protocol == "5" else b"\x05"
    refusal = b"\x20" + bytes([1 + len(code)]) + b"\x00" + code
    broker = scripted(lambda kind, body: one_of(kind, refusal, CONNACK[protocol], broker.connections < 3))
    source = session(broker.url, protocol=protocol)
    eventually(lambda: "refused the connection: Not authorized" in (source.problem or ""))
    eventually(lambda: source.connections == 1)
    assert "refused" not in (source.problem or "")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_of_another_protocol_is_asked_again_in_the_same_with_a_pause(
    protocol: str, scripted: Any, session: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broker = scripted(lambda kind, body: b"\x20\x02\x00\x01")
    session(broker.url, protocol=protocol)
    eventually(lambda: broker.connections == 3)
    levels = {body[6] for kind, body in broker.packets if kind == 0x10}
    assert levels == {5 if protocol == "5" else 4}
    assert ("try the other broker.protocol" if protocol == "5" else "does not speak MQTT 3.1.1") in caplog.text


def test_a_broker_that_never_answers_is_left_in_time(
    scripted: Any, session: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.mqtt.connection.CONNECT_SECONDS", 0.2)
    broker = scripted(lambda kind, body: b"")
    source = session(broker.url)
    eventually(lambda: broker.connections >= 2)
    assert source.connections == 0


@pytest.mark.parametrize("method", ["connected", "received"])
def test_an_error_of_ours_ends_the_thread_where_everybody_sees_it(
    method: str, broker_port: int, session: Any, kept: Any, device: Any, eventually: Any, caplog: Any
) -> None:
    def fail(*given: Any) -> None:
        raise KeyError("a bug")

    setattr(kept, method, fail)
    source = session(f"mqtt://127.0.0.1:{broker_port}")
    device(broker_port).publish("up/d", b"1", qos=1, retain=True)
    eventually(lambda: not source.alive)
    assert not source.acknowledge(1, [b"\x00\x01"])
    assert "not connected" in (source.problem or "")
    assert "the network thread died" in caplog.text


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_while_the_receiver_is_full_nothing_is_read_and_acknowledgements_go_on(
    protocol: str, broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    source = session(f"mqtt://127.0.0.1:{broker_port}", protocol=protocol, receive_maximum=10, keepalive_seconds=2)
    eventually(lambda: source.problem is None)
    client = device(broker_port)
    send(client, [b"1"] * 10)
    eventually(lambda: len(kept.deliveries) == 10)
    kept.full = True
    assert source.acknowledge(1, kept.packet_ids)
    sent = [client.publish("up/d", b"2" * 1_000, qos=1) for _ in range(10)]
    for one in sent:
        one.wait_for_publish(10)
    keepalives_pass = threading.Event()
    keepalives_pass.wait(5)
    assert len(kept.deliveries) == 10
    assert source.problem is None
    kept.full = False
    eventually(lambda: len(kept.deliveries) == 20)
    assert source.connections == 1


def test_a_broker_that_sends_faster_than_the_receiver_takes_is_held_back(
    scripted: Any, session: Any, kept: Any, eventually: Any
) -> None:
    kept.full = True
    broker = scripted(lambda kind, body: CONNACK["3.1.1"] if kind == 0x10 else b"")
    source = session(broker.url, protocol="3.1.1")
    eventually(lambda: any(kind == 0x82 for kind, _ in broker.packets))
    sent = [0]
    payload = b"\x30\xe8\x07\x00\x01u" + bytes(1_000 - 3)

    def flood() -> None:
        with contextlib.suppress(OSError):
            while sent[0] < 100_000:
                broker.send(payload * 100)
                sent[0] += 100

    thread = threading.Thread(target=flood)
    thread.start()
    eventually(lambda: sent[0] > 0)
    before = -1
    while before != sent[0]:
        before = sent[0]
        thread.join(0.5)
    assert sent[0] < 100_000
    assert kept.deliveries == []
    kept.full = False
    thread.join(60)
    eventually(lambda: len(kept.deliveries) == 100_000)
    source.stop()


def test_a_packet_of_many_reads_comes_whole(scripted: Any, session: Any, kept: Any, eventually: Any) -> None:
    broker = scripted(lambda kind, body: CONNACK["3.1.1"] if kind == 0x10 else b"")
    source = session(broker.url, protocol="3.1.1")
    eventually(lambda: any(kind == 0x82 for kind, _ in broker.packets))
    size = 10_000_000
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    broker.send(b"\x30" + length + b"\x00\x01u" + bytes(size - 3) + b"\x30\x04\x00\x01u!")
    eventually(lambda: len(kept.deliveries) == 2)
    assert kept.payloads == [bytes(size - 3), b"!"]
    assert source.alive


def test_descriptors_beyond_1024_are_as_good_as_any(
    broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    client = device(broker_port)
    with contextlib.ExitStack() as held:
        while (last := os.dup(1)) <= 1_100:
            held.callback(os.close, last)
        held.callback(os.close, last)
        source = session(f"mqtt://127.0.0.1:{broker_port}")
        eventually(lambda: source.problem is None)
        send(client, [b"1"])
        eventually(lambda: kept.payloads == [b"1"])
        source.stop()


def test_a_stop_is_in_time_though_the_broker_takes_nothing(broker_port: int, session: Any, eventually: Any) -> None:
    with Chaos(broker_port) as network:
        source = session(f"mqtt://127.0.0.1:{network.port}")
        eventually(lambda: source.problem is None)
        network.blackhole()
        for _ in range(200):
            source.acknowledge(1, [b"\xff\xff"] * 20_000)
        stopping = threading.Thread(target=source.stop)
        stopping.start()
        stopping.join(8)
        assert not stopping.is_alive()
        assert not source.alive
        network.calm()
