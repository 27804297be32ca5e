"""The doctor finds what would keep a bridge from its work, and leaves everything as it was."""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import paho.mqtt.client as paho
import pytest
import yaml
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from director.endpoints import channel
from localcloud.broker import mosquitto
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import free_port

_numbers = itertools.count()
Checks = dict[str, dict[str, str]]


class Practice:
    """A configuration that is in order until the test spoils it, and the doctor."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bridge.yaml"
        self.broker: dict[str, Any] = {"url": f"mqtt://127.0.0.1:{free_port()}", "client_id": "bridge"}
        self.filters = ["devices/{device}/up"]
        number = f"doctor-{os.getpid()}-{next(_numbers)}"
        self.topic, self.dead_topic = (f"projects/test-project/topics/{name}-{number}" for name in ("in", "dead"))

    def make_topics(self) -> None:
        with channel("pubsub") as opened:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=opened))
            publisher.create_topic(name=self.topic)
            publisher.create_topic(name=self.dead_topic)

    @property
    def document(self) -> dict[str, Any]:
        routes = {
            f"route{number}": {"filter": one, "destination": "in", "event_type": "iot.test"}
            for number, one in enumerate(self.filters)
        }
        return {
            "broker": self.broker,
            "destinations": {"in": self.topic},
            "dead_letter_topic": self.dead_topic,
            "routes": routes,
        }

    def examine(self, *arguments: str, code: int = 0) -> Checks:
        """What the doctor says, by the name of the check."""
        self.path.write_text(yaml.safe_dump(self.document))
        done = doctor("--config", str(self.path), "--json", *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return {check["name"]: check for check in json.loads(done.stdout)}


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", "doctor", "--health_port", str(free_port()), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


def states(checks: Checks) -> dict[str, str]:
    return {name: check["state"] for name, check in checks.items()}


@pytest.fixture
def practice(cloud: LocalCloud, broker_port: int, tmp_path: Path) -> Practice:
    """Everything in order: a broker as shipped, topics that exist."""
    made = Practice(tmp_path)
    made.broker["url"] = f"mqtt://127.0.0.1:{broker_port}"
    made.make_topics()
    return made


@pytest.fixture
def strict_port(tmp_path: Path, running: Any) -> Iterator[int]:
    """A broker with accounts, access rules, and a queue of 100 messages."""
    port, folder = free_port(), tmp_path / "strict"
    folder.mkdir()
    program = mosquitto(port, folder)
    configuration = folder / "mosquitto.conf"
    (folder / "acl").write_text("user bridge\ntopic readwrite probe/#\ntopic read devices/#\n")
    (folder / "passwords").write_text("bridge:right\n")
    subprocess.run(["mosquitto_passwd", "-U", str(folder / "passwords")], check=True, timeout=20)
    text = configuration.read_text().replace("allow_anonymous true", "allow_anonymous false")
    text = text.replace("max_queued_messages 0", "max_queued_messages 100").replace("max_packet_size 1048576", "")
    configuration.write_text(f"{text}\nacl_file {folder / 'acl'}\npassword_file {folder / 'passwords'}\n")
    with running(program):
        yield port


def test_where_all_is_in_order_nothing_fails(practice: Practice) -> None:
    practice.broker["status_topic"] = "bridges/status"
    assert states(practice.examine()) == {
        "descriptors": "ok",
        "configuration": "ok",
        "clock": "warning",
        "broker": "ok",
        "packet size": "ok",
        "session expiry": "ok",
        "access devices/+/up": "ok",
        "status topic": "ok",
        "session": "warning",
        "queue": "warning",
        "destination in": "ok",
        "dead_letter_topic": "ok",
    }


def test_a_person_reads_lines_with_what_to_do(practice: Practice, cloud: LocalCloud) -> None:
    practice.path.write_text(yaml.safe_dump(practice.document | {"dead_letter_topic": "projects/p/topics/nowhere"}))
    done = doctor("--config", str(practice.path))
    assert done.returncode == 1
    assert "ok       broker: mqtt://127.0.0.1" in done.stdout
    assert "failed   dead_letter_topic: projects/p/topics/nowhere does not exist\n" in done.stdout
    assert "do this: let the director apply the dataflow" in done.stdout
    assert done.stderr == ""


def test_a_configuration_that_is_none_is_told_whole(practice: Practice) -> None:
    practice.path.write_text("broker: {url: nowhere}\nroutes: {}\n")
    done = doctor("--config", str(practice.path), "--json")
    assert done.returncode == 1
    told = [check["words"] for check in json.loads(done.stdout) if check["name"] == "configuration"]
    assert any("broker.url" in words for words in told)
    assert any("broker.client_id" in words for words in told)


def test_a_broker_that_is_away_leaves_the_other_checks(practice: Practice) -> None:
    practice.broker["url"] = f"mqtt://127.0.0.1:{free_port()}"
    checks = practice.examine(code=1)
    assert checks["broker"]["state"] == "failed"
    assert checks["destination in"]["state"] == "ok"


def test_topics_are_checked_for_being_there_and_for_the_right_to_publish(practice: Practice, cloud: LocalCloud) -> None:
    refused = Fault(method="pubsub.topics.publish", resource=practice.topic, code="PERMISSION_DENIED")
    cloud.faults.add(refused)
    cloud.faults.add(Fault(method="pubsub.GetTopic", resource=practice.topic, code="PERMISSION_DENIED"))
    practice.dead_topic += "-not"
    checks = practice.examine(code=1)
    assert "roles/pubsub.publisher" in checks["destination in"]["fix"]
    assert "does not exist" in checks["dead_letter_topic"]["words"]


def test_where_rights_cannot_be_asked_for_it_says_so(practice: Practice, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method="*.TestIamPermissions", code="UNIMPLEMENTED"))
    assert practice.examine()["destination in"]["state"] == "warning"


def test_wrong_credentials_and_missing_rights_are_named(practice: Practice, strict_port: int, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    practice.broker |= {
        "url": f"mqtt://127.0.0.1:{strict_port}",
        "username": "bridge",
        "password": {"file": str(tmp_path / "password")},
        "status_topic": "bridges/status",
    }
    refused = practice.examine(code=1)["broker"]
    assert "ot authori" in refused["words"]
    assert "password" in refused["fix"]
    (tmp_path / "password").write_text("right")
    checks = practice.examine(code=1)
    assert checks["broker"]["state"] == "ok"
    assert checks["status topic"]["state"] == "failed"
    assert checks["packet size"]["state"] == "warning"


def test_a17_what_a_queue_limit_loses_is_measured(practice: Practice, strict_port: int, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("right")
    practice.broker |= {
        "url": f"mqtt://127.0.0.1:{strict_port}",
        "username": "bridge",
        "password": {"file": str(tmp_path / "password")},
    }
    queue = practice.examine("--probe_queue", "160", "--probe_topic", "probe/queue")["queue"]
    assert queue["state"] == "warning"
    assert "it lost 60" in queue["words"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_as_shipped_keeps_what_it_acknowledged(practice: Practice, protocol: str) -> None:
    practice.broker["protocol"] = protocol
    queue = practice.examine("--probe_queue", "1500", "--probe_topic", "probe/queue")["queue"]
    assert queue["state"] == "ok", queue
    assert "all 1,500" in queue["words"]


class Device:
    """A client of this broker with a session that lasts."""

    def __init__(self, url: str, client_id: str) -> None:
        self.payloads: list[bytes] = []
        self.connected = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        self.client.on_connect = lambda *_: self.connected.set()
        self.client.on_message = lambda _client, _data, message: self.payloads.append(message.payload)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 300
        self.client.connect("127.0.0.1", int(url.rsplit(":", 1)[1]), clean_start=False, properties=properties)
        self.client.loop_start()
        assert self.connected.wait(10)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_the_session_is_looked_for_on_request_and_keeps_its_messages(
    practice: Practice, eventually: Callable[..., None]
) -> None:
    assert practice.examine("--probe_session")["session"]["state"] == "warning"
    assert practice.examine("--probe_session")["session"]["state"] == "warning"  # looking has made none
    url = practice.broker["url"]
    first = Device(url, "bridge")
    first.client.subscribe("devices/+/up", qos=1)
    device = Device(url, "device")
    eventually(lambda: device.client.publish("devices/d/up", b"probe", qos=1).wait_for_publish(5) or first.payloads)
    first.leave()
    for number in range(20):
        device.client.publish("devices/d/up", b"%d" % number, qos=1).wait_for_publish(10)
    assert practice.examine("--probe_session")["session"]["state"] == "ok"
    again = Device(url, "bridge")
    eventually(lambda: [one for one in again.payloads if one != b"probe"] == [b"%d" % one for one in range(20)])
    again.leave()
    device.leave()


def test_the_visit_leaves_no_session_behind(practice: Practice) -> None:
    practice.examine("--probe_queue", "5", "--probe_topic", "probe/queue")
    for client_id in ("bridge-doctor", "bridge-doctor-sender"):
        answered: list[bool] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        client.on_connect = lambda _client, _data, flags, *_, seen=answered: seen.append(flags.session_present)
        client.connect("127.0.0.1", int(practice.broker["url"].rsplit(":", 1)[1]), clean_start=False)
        while not answered:
            client.loop(0.1)
        client.disconnect()
        assert answered == [False]


class DirectorOfAnotherTime(BaseHTTPRequestHandler):
    """Answers with one document, and tells the time `ahead` seconds wrong."""

    document: ClassVar[dict[str, Any]]
    ahead: ClassVar[float]

    def do_GET(self) -> None:
        answer = {"project": "p", "dataflow": "d", "service": "bridge", "config": self.document}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + self.ahead)

    def log_message(self, *_: Any) -> None:
        """The test is not about these lines."""


@pytest.mark.parametrize(("ahead", "state"), [(0, "ok"), (600, "warning")])
def test_the_clock_is_compared_with_the_directors(practice: Practice, ahead: float, state: str) -> None:
    pages = type("_", (DirectorOfAnotherTime,), {"document": practice.document, "ahead": ahead})
    server = ThreadingHTTPServer(("127.0.0.1", 0), pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    done = doctor("--director_url", f"http://127.0.0.1:{server.server_port}", "--json")
    server.shutdown()
    server.server_close()
    thread.join(10)
    assert done.returncode == 0, done.stdout
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["clock"]["state"] == state
    assert (" s behind the director" in checks["clock"]["words"]) == (state == "warning")


def test_a_director_that_is_away_is_a_failed_check() -> None:
    done = doctor("--director_url", f"http://127.0.0.1:{free_port()}", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)[-1]["name"] == "director"
