"""A session as the bridge sees it: deliveries, acknowledgements, subscriptions, and who else uses it."""

import json
import logging
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from bridge.mqtt.frames import DUP_FLAG
from localcloud.broker import find_mosquitto, mosquitto
from localcloud.chaos import Chaos
from localcloud.ports import free_port

PROTOCOLS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@PROTOCOLS
def test_what_is_acknowledged_does_not_come_again_and_the_rest_does(
    protocol: str, broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    url = f"mqtt://127.0.0.1:{broker_port}"
    source = session(url, protocol=protocol, status_topic="status")
    eventually(lambda: source.problem is None)
    client = device(broker_port)
    watched = Watched(client, "status")
    for number in range(10):
        client.publish("up/d", b"%d" % number, qos=1)
    eventually(lambda: len(kept.deliveries) == 10)
    assert source.acknowledge(1, kept.packet_ids[:4])
    source.stop()
    eventually(watched.said("offline"))  # and with that the broker has read what was sent before
    kept.deliveries.clear()
    session(url, protocol=protocol)
    eventually(lambda: len(kept.deliveries) == 6)
    assert kept.payloads == [b"%d" % number for number in range(4, 10)]
    assert kept.connections == [(1, False), (1, True)]


def test_an_acknowledgement_of_another_connection_is_not_sent(broker_port: int, session: Any, eventually: Any) -> None:
    source = session(f"mqtt://127.0.0.1:{broker_port}")
    assert not source.acknowledge(5, [b"\x00\x01"])
    eventually(lambda: source.problem is None)
    assert not source.acknowledge(2, [b"\x00\x01"])
    assert source.acknowledge(1, [])
    source.stop()
    assert not source.acknowledge(1, [b"\x00\x01"])


@PROTOCOLS
def test_retained_messages_come_once_in_a_session(
    protocol: str, broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    client = device(broker_port)
    client.publish("up/d", b"kept", qos=1, retain=True).wait_for_publish(10)
    with Chaos(broker_port) as network:
        source = session(f"mqtt://127.0.0.1:{network.port}", protocol=protocol)
        eventually(lambda: kept.payloads == [b"kept"])
        source.acknowledge(1, kept.packet_ids)
        network.reset()
        eventually(lambda: source.connections == 2 and source.problem is None)
        client.publish("up/d", b"new", qos=1).wait_for_publish(10)
        eventually(lambda: kept.payloads[-1] == b"new")
        source.stop()
    first_copies = [delivery.payload for delivery in kept.deliveries if not delivery.flags & DUP_FLAG]
    assert first_copies == [b"kept", b"new"]


@pytest.mark.parametrize(("protocol", "code"), [("5", 0x87), ("5", 0), ("3.1.1", 0x80), ("3.1.1", 0)])
def test_a_filter_the_broker_refuses_or_grants_at_qos_0_only_is_named(
    protocol: str, code: int, scripted: Any, session: Any, eventually: Any
) -> None:
    broker = scripted(lambda kind, body: answer(kind, body, protocol, lambda one: code if one == b"secret/#" else 1))
    source = session(broker.url, ["secret/#", "up/#"], protocol=protocol)
    eventually(lambda: "secret/# at QoS 1: check its access rules" in (source.problem or ""))
    assert "up/#" not in (source.problem or "")
    source.subscribe(["up/#"])
    eventually(lambda: source.problem is None)


def answer(kind: int, body: bytes, protocol: str, code: Callable[[bytes], int] = lambda _: 1) -> bytes:
    """What a broker answers that takes everything; `code` is that of each filter."""
    properties = b"\x00" if protocol == "5" else b""
    if kind == 0x10:
        reply = b"\x20", b"\x00\x00" + properties
    elif kind == 0x82:
        filters = subscribed(body[2 + len(properties) :], 1)
        reply = b"\x90", body[:2] + properties + bytes(map(code, filters))
    elif kind == 0xA2:
        filters = subscribed(body[2 + len(properties) :], 0)
        reply = b"\xb0", body[:2] + (properties + bytes(len(filters)) if properties else b"")
    else:
        return b""
    return reply[0] + bytes([len(reply[1])]) + reply[1]


def subscribed(body: bytes, options: int) -> list[bytes]:
    """The filters of a SUBSCRIBE (with a byte of `options` each) or UNSUBSCRIBE."""
    found, position = [], 0
    while position < len(body):
        end = position + 2 + int.from_bytes(body[position : position + 2], "big")
        found.append(body[position + 2 : end])
        position = end + options
    return found


def test_a_change_asks_the_broker_for_the_difference_only(
    broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    device(broker_port).publish("a/x", b"retained", qos=1, retain=True).wait_for_publish(10)
    source = session(f"mqtt://127.0.0.1:{broker_port}", ["a/#", "b/#"], protocol="3.1.1")
    eventually(lambda: kept.payloads == [b"retained"])
    source.subscribe(["a/#", "c/#"])
    eventually(lambda: source.settled)
    client = device(broker_port, "another")
    for mqtt_topic in ("b/x", "a/x", "c/x"):
        client.publish(mqtt_topic, mqtt_topic, qos=1)
    eventually(lambda: kept.payloads[-1] == b"c/x")
    assert kept.payloads == [b"retained", b"a/x", b"c/x"]  # a/# asked for again would have brought the retained one


def test_a_change_while_disconnected_is_made_at_the_next_connection(
    tmp_path: Path, running: Any, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    port = free_port()
    stored = ["persistence true", f"persistence_location {tmp_path}/"]
    with running(mosquitto(port, tmp_path, stored)):
        source = session(f"mqtt://127.0.0.1:{port}", ["a/#", "b/#"])
        eventually(lambda: source.settled)
    eventually(lambda: not source.settled)
    source.subscribe(["a/#", "c/#"])
    with running(mosquitto(port, tmp_path, stored)):
        eventually(lambda: source.settled)
        assert kept.connections[-1] == (2, True)
        client = device(port)
        for mqtt_topic in ("b/x", "a/x", "c/x"):
            client.publish(mqtt_topic, mqtt_topic, qos=1)
        eventually(lambda: kept.payloads[-1:] == [b"c/x"])
        assert kept.payloads == [b"a/x", b"c/x"]


def test_changes_from_many_threads_end_with_what_was_said_last(broker_port: int, session: Any, eventually: Any) -> None:
    source = session(f"mqtt://127.0.0.1:{broker_port}")
    threads = [
        threading.Thread(target=lambda n=n: [source.subscribe([f"f{n}/{i}" for i in range(20)]) for _ in range(20)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.subscribe(["up/#"])
    eventually(lambda: source.settled)
    assert source.problem is None


def test_a_lost_session_is_counted_and_everything_subscribed_again(
    tmp_path: Path, running: Any, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    port = free_port()
    with running(mosquitto(port, tmp_path)):
        source = session(f"mqtt://127.0.0.1:{port}")
        eventually(lambda: source.problem is None)
        assert source.session_lost == 0
    with running(mosquitto(port, tmp_path)):
        eventually(lambda: source.connections == 2 and source.problem is None)
        device(port).publish("up/d", b"1", qos=1)
        eventually(lambda: kept.payloads == [b"1"])
    assert source.session_lost == 1
    assert kept.connections == [(1, False), (2, False)]


class Watched:
    """What stands retained on a topic, as it changes."""

    def __init__(self, client: paho.Client, mqtt_topic: str) -> None:
        self.seen: list[Any] = []
        client.on_message = lambda _client, _data, message: self.seen.append(json.loads(message.payload))
        client.subscribe(mqtt_topic, qos=1)

    def said(self, status: str, client_id: str = "bridge") -> Callable[[], bool]:
        return lambda: self.seen[-1:] == [{"status": status, "client_id": client_id}]


@PROTOCOLS
def test_the_status_topic_says_online_and_after_a_stop_offline(
    protocol: str, broker_port: int, session: Any, device: Any, eventually: Any
) -> None:
    source = session(f"mqtt://127.0.0.1:{broker_port}", protocol=protocol, status_topic="status/bridge")
    eventually(lambda: source.problem is None)
    watched = Watched(device(broker_port), "status/bridge")
    eventually(watched.said("online"))
    source.stop()
    eventually(watched.said("offline"))
    assert len(watched.seen) == 2
    eventually(Watched(device(broker_port, "later"), "status/bridge").said("offline"))


def test_the_broker_says_offline_when_the_bridge_is_cut_off_and_the_bridge_online_again(
    broker_port: int, session: Any, device: Any, eventually: Any
) -> None:
    with Chaos(broker_port) as network:
        source = session(f"mqtt://127.0.0.1:{network.port}", status_topic="status/bridge")
        eventually(lambda: source.problem is None)
        watched = Watched(device(broker_port), "status/bridge")
        eventually(watched.said("online"))
        network.reset()
        eventually(lambda: len(watched.seen) == 3)
        assert [entry["status"] for entry in watched.seen] == ["online", "offline", "online"]
        source.stop()


def test_members_of_a_group_divide_its_messages(
    broker_port: int, session: Any, kept: Any, device: Any, eventually: Any
) -> None:
    url, group = f"mqtt://127.0.0.1:{broker_port}", {"group": "bridges"}
    members = [session(url, shared=group, ordinal=n, status_topic="status") for n in (0, 1)]
    for one in members:
        eventually(lambda one=one: one.problem is None)
    assert [one.client_id for one in members] == ["bridge-0", "bridge-1"]
    client = device(broker_port)
    eventually(Watched(device(broker_port, "watching"), "status/1").said("online", "bridge-1"))
    for number in range(20):
        client.publish("up/d", b"%d" % number, qos=1)
    eventually(lambda: len(kept.deliveries) == 20)
    assert sorted(map(int, kept.payloads)) == list(range(20))


@PROTOCOLS
def test_of_two_bridges_with_one_id_one_learns_it_and_stops(
    protocol: str, broker_port: int, session: Any, eventually: Any
) -> None:
    sources = [session(f"mqtt://127.0.0.1:{broker_port}", protocol=protocol) for _ in range(2)]
    eventually(lambda: any(source.taken_over.is_set() for source in sources))
    (stayed,) = [source for source in sources if not source.taken_over.is_set()]
    eventually(lambda: stayed.problem is None)
    assert [source.alive for source in sources if source is not stayed] == [False]


def test_no_secret_reaches_a_log_or_an_error(
    broker_with: Any, tmp_path: Path, session: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "passwords").write_text("bridge:$7$101$none\n")
    (tmp_path / "secret").write_text("canary-password\n")
    port = broker_with("allow_anonymous false", f"password_file {tmp_path / 'passwords'}")
    password = {"file": str(tmp_path / "secret")}
    source = session(f"mqtt://127.0.0.1:{port}", username="bridge", password=password)
    eventually(lambda: "refused the connection" in (source.problem or ""))
    (tmp_path / "secret").write_bytes(b"canary-\xff\n")
    eventually(lambda: source.failures)
    assert "canary" not in caplog.text + str(source.problem) + repr(source)


def test_a_rotated_password_is_found_at_the_next_try(
    broker_with: Any, tmp_path: Path, session: Any, eventually: Any
) -> None:
    passwd = Path(find_mosquitto()).with_name("mosquitto_passwd")
    tool = str(passwd) if passwd.exists() else "mosquitto_passwd"
    subprocess.run([tool, "-b", "-c", str(tmp_path / "passwords"), "bridge", "new"], check=True)
    (tmp_path / "secret").write_text("old")
    port = broker_with("allow_anonymous false", f"password_file {tmp_path / 'passwords'}")
    source = session(f"mqtt://127.0.0.1:{port}", username="bridge", password={"file": str(tmp_path / "secret")})
    eventually(lambda: "refused the connection" in (source.problem or ""))
    (tmp_path / "secret").write_text("new")
    eventually(lambda: source.problem is None)
