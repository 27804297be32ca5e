"""What happens to messages when the broker, or the network before it, fails, forgets, or refuses us."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcloud.chaos import Chaos, Way
from localcloud.children import Child
from localcloud.faults import Fault
from tests.faults.fake_broker import serving
from tests.faults.rig import Rig, numbered

MESSAGES = 3_000
LONGEST_RECONNECT = 30.0  # seconds


@contextmanager
def sending(rig: Rig) -> Iterator[None]:
    """Messages on their way during a `with`; all of them must arrive after it, and the counters must fit."""

    def steadily() -> None:
        for start in range(0, MESSAGES, 100):
            rig.send(numbered(100, start))
            time.sleep(0.05)

    sender = threading.Thread(target=steadily)
    sender.start()
    rig.arrived(numbered(100))
    yield
    sender.join()
    rig.arrived(numbered(MESSAGES), LONGEST_RECONNECT)
    rig.settled()
    assert rig.bridge.exit_code is None


def test_a9_connections_reset_again_and_again_lose_nothing(rig: Rig, chaos: Chaos) -> None:
    rig.configure()
    rig.start()
    with sending(rig):
        for number in range(1, 6):
            rig.eventually(lambda: chaos.open and rig.bridge.ready, LONGEST_RECONNECT)
            chaos.reset()
            rig.eventually(lambda number=number: chaos.accepted > number, LONGEST_RECONNECT)


@pytest.mark.parametrize("way", ["up", "down", None], ids=["up", "down", "both ways"])
def test_a9_a_blackhole_is_seen_by_the_keepalive_and_loses_nothing(rig: Rig, chaos: Chaos, way: Way | None) -> None:
    rig.configure(keepalive_seconds=2)
    rig.start()
    with sending(rig):
        chaos.blackhole(way)
        rig.eventually(lambda: chaos.accepted > 1, LONGEST_RECONNECT)
        assert not rig.bridge.ready
        chaos.calm()


def test_a9_a_half_open_connection_is_replaced_and_loses_nothing(rig: Rig, chaos: Chaos) -> None:
    rig.configure(keepalive_seconds=2)
    rig.start()
    with sending(rig):
        chaos.strand()
        rig.eventually(lambda: chaos.accepted > 1, LONGEST_RECONNECT)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a9_a_connection_closed_one_way_is_replaced_and_loses_nothing(rig: Rig, chaos: Chaos, way: Way) -> None:
    rig.configure(keepalive_seconds=2)
    rig.start()
    with sending(rig):
        chaos.half_close(way)
        rig.eventually(lambda: chaos.accepted > 1, LONGEST_RECONNECT)


def test_a9_a_broker_that_cannot_be_reached_is_tried_until_it_can(rig: Rig, chaos: Chaos) -> None:
    rig.configure()
    rig.start()
    with sending(rig):
        chaos.refuse()
        chaos.reset()
        rig.eventually(lambda: not rig.bridge.ready)
        time.sleep(3)
        chaos.calm()
    rig.eventually(lambda: rig.bridge.ready)


def test_a9_what_ends_after_its_connection_is_acknowledged_on_the_next_and_never_comes_again(
    rig: Rig, chaos: Chaos
) -> None:
    """The connection is reset while the answers to publishes are held back; then the bridge is started anew."""
    rig.configure()
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="hang", when="after"))
    rig.send(numbered(100))
    rig.eventually(lambda: rig.cloud.faults.log)
    chaos.reset()
    rig.eventually(lambda: chaos.accepted > 1 and rig.bridge.ready)
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(100))
    rig.settled()
    before = rig.collect().total()
    assert rig.bridge.terminate() == 0
    rig.start()
    rig.send(["after"])
    rig.arrived(["after"])
    assert rig.ids.total() == before + 1


def test_a10_a_broker_that_loses_the_session_costs_nothing_that_was_received(rig: Rig, broker: Child) -> None:
    """mosquitto without persistence, killed while the bridge holds messages that Pub/Sub has not taken yet."""
    rig.configure(receive_maximum=100)
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    rig.send(numbered(50))
    rig.eventually(lambda: rig.bridge.metric("bridge_in_flight") == 50)
    os.kill(broker.pid or 0, signal.SIGKILL)
    rig.eventually(lambda: broker.restarts)
    rig.eventually(lambda: rig.bridge.metric("bridge_sessions_lost") == 1, LONGEST_RECONNECT)
    told = [line for line in rig.bridge.said().splitlines() if "lost our session" in line]
    assert len(told) == 1
    assert "WARNING" in told[0]
    rig.eventually(rig.device().is_connected, LONGEST_RECONNECT)
    rig.send(numbered(50, 50))
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(100), 60)
    rig.settled()
    assert rig.bridge.metric("bridge_sessions_lost") == 1


def access_rules(folder: Path) -> str:
    """mosquitto's plugin for access rules, told to refuse subscriptions to devices/#: its acl_file would grant them."""
    everything = {"publishClientSend": True, "publishClientReceive": True, "subscribe": True, "unsubscribe": True}
    refusal = {"acltype": "subscribePattern", "topic": "devices/#", "allow": False}
    rules = {
        "defaultACLAccess": everything,
        "anonymousGroup": "all",
        "clients": [],
        "groups": [{"groupname": "all", "roles": [{"rolename": "most"}]}],
        "roles": [{"rolename": "most", "acls": [refusal]}],
    }
    path = folder / "rules.json"
    path.write_text(json.dumps(rules))
    return str(path)


PLUGIN = next(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"), None)


@pytest.mark.skipif(PLUGIN is None, reason="mosquitto is here without its plugin for access rules")
@pytest.mark.parametrize("broker_settings", [{"plugin": PLUGIN, "plugin_opt_config_file": access_rules}])
def test_a12_a_subscription_that_access_rules_refuse_is_named_and_we_are_not_ready(rig: Rig) -> None:
    rig.configure()
    rig.bridge.start()
    rig.eventually(lambda: "devices/+/up" in rig.bridge.page("readyz")[1])
    assert rig.bridge.page("readyz")[0] == 503
    assert rig.bridge.page("livez")[0] == 200
    assert "devices/+/up" in rig.bridge.said()


@pytest.mark.parametrize("answer", [0x80, 0x87, 0x00], ids=["refused", "not authorized", "granted QoS 0 only"])
def test_a12_whatever_is_less_than_qos_1_is_a_refusal(rig: Rig, answer: int) -> None:
    with serving(suback=answer) as fake:
        rig.way_in = fake.port
        rig.configure()
        rig.bridge.start()
        rig.eventually(lambda: "devices/+/up" in rig.bridge.page("readyz")[1])
        assert rig.bridge.page("readyz")[0] == 503
        assert rig.bridge.page("livez")[0] == 200
        rig.bridge.kill()


@pytest.mark.parametrize("broker_settings", [{"max_packet_size": "5000"}])
def test_a18_more_than_the_broker_takes_fails_at_its_publisher_and_costs_nobody_else_anything(rig: Rig) -> None:
    rig.start()
    rig.send(numbered(20))
    ended = threading.Event()
    rig.device().on_disconnect = lambda *_: ended.set()
    sent = rig.device().publish("devices/d1/up", bytes(6_000), qos=1)
    assert ended.wait(10)
    assert not sent.is_published()
