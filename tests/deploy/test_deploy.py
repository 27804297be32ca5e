"""What people deploy with is checked by the programs that will read it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bridge.mqtt.broker import Broker
from localcloud.broker import accepts_connections, find_mosquitto
from localcloud.children import Child, Program
from localcloud.ports import free_port

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ACCOUNTS = {"bridge": "secret-of-bridge", "d1": "secret-of-d1"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_it_well_locked_up(tmp_path: Path) -> None:
    unit = tmp_path / "iot-bridge.service"
    text = (DEPLOY / "iot-bridge.service").read_text()
    unit.write_text(text.replace("/opt/iot-dataflows/bin/python", sys.executable))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    judged = subprocess.run(security, check=False, capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged.stdout[-500:]


@pytest.mark.parametrize("file", ["iot-bridge.service", "Dockerfile"])
def test_the_commands_that_are_deployed_are_ones_the_bridge_understands(file: str) -> None:
    text = (DEPLOY / file).read_text()
    if file == "Dockerfile":
        arguments = re.findall(r"^CMD \[(.*)\]$", text, flags=re.MULTILINE)[-1].replace('"', "").split(", ")
    else:
        arguments = shlex.split(re.search(r"^ExecStart=\S+ -m bridge (.*)$", text, flags=re.MULTILINE)[1])  # type: ignore[index]
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "/etc/iot-dataflows/bridge.yaml: cannot be read" in done.stderr  # every flag was taken


def test_the_image_is_built_by_the_uv_of_the_makefile() -> None:
    version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert version
    requirements = (DEPLOY / "build-requirements.txt").read_text()
    assert f"\nuv=={version[1]} \\\n" in requirements
    assert "--hash=sha256:" in requirements


def test_all_the_image_installs_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    wanted = {re.split(r"[<>=!;\[]", one)[0] for one in project["optional-dependencies"]["bridge"]}
    assert wanted <= locked


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The authority's; the broker has one of it for 127.0.0.1."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "server.key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.fixture
def program(tmp_path: Path, certificate: Path) -> tuple[int, Program]:
    """The shipped broker, at another port and with its files elsewhere; everything else is as shipped."""
    port = free_port()
    passwords = tmp_path / "passwords"
    passwords.write_text("".join(f"{name}:{password}\n" for name, password in ACCOUNTS.items()))
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=20)
    shutil.copy(DEPLOY / "mosquitto" / "acl", tmp_path / "acl")
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text()
    for shipped, here in {
        "listener 8883": f"listener {port} 127.0.0.1",
        "/etc/mosquitto/certs/": f"{tmp_path}/",
        "/etc/mosquitto/": f"{tmp_path}/",
        "/var/lib/mosquitto/": f"{tmp_path}/",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    (tmp_path / "mosquitto.conf").write_text(text + ("user root\n" if os.getuid() == 0 else ""))

    async def listening() -> bool:
        return await accepts_connections(port)

    return port, Program("mosquitto", [find_mosquitto(), "-c", str(tmp_path / "mosquitto.conf")], listening)


class Client:
    """A client with a session that lasts."""

    def __init__(self, port: int, certificate: Path, name: str, password: str) -> None:
        self.payloads: list[bytes] = []
        self.answers: list[ReasonCode] = []
        self.connections: list[Any] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        client.tls_set(ca_certs=str(certificate))
        client.username_pw_set(name, password)
        client.on_connect = lambda _client, _data, flags, reason, properties: self.connections.append(
            (flags.session_present, reason, properties)
        )
        client.on_message = lambda _client, _data, message: self.payloads.append(message.payload)
        client.on_publish = lambda _client, _data, _mid, reason, _properties: self.answers.append(reason)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3_600
        client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        client.loop_start()
        self.client = client

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Connect = Callable[..., Client]


@pytest.fixture
def connect(program: tuple[int, Program], certificate: Path) -> Iterator[Connect]:
    made: list[Client] = []

    def connect(name: str, password: str | None = None) -> Client:
        made.append(Client(program[0], certificate, name, password or ACCOUNTS[name]))
        return made[-1]

    yield connect
    for client in made:
        client.leave()


def test_the_shipped_broker_keeps_all_it_acknowledged_over_a_restart_of_its_own(
    program: tuple[int, Program],
    connect: Connect,
    running: Callable[[Program], AbstractContextManager[Child]],
    eventually: Callable[..., None],
) -> None:
    with running(program[1]):
        bridge = connect("bridge")
        eventually(lambda: bridge.connections)
        bridge.client.subscribe("devices/#", qos=1)
        device = connect("d1")
        eventually(
            lambda: device.client.publish("devices/d1/up", b"probe", qos=1).wait_for_publish(5) or bridge.payloads
        )
        bridge.leave()
        sent = [device.client.publish("devices/d1/up", b"%d" % number, qos=1) for number in range(1_500)]
        for one in sent:
            one.wait_for_publish(30)
        device.leave()
    with running(program[1]):
        again = connect("bridge")
        wanted = {b"%d" % number for number in range(1_500)}
        eventually(lambda: wanted <= set(again.payloads))
        assert again.connections[0][0]  # the session was there


def test_the_shipped_broker_knows_who_may_do_what(
    program: tuple[int, Program],
    connect: Connect,
    running: Callable[[Program], AbstractContextManager[Child]],
    eventually: Callable[..., None],
) -> None:
    with running(program[1]):
        stranger = connect("stranger", "guess")
        eventually(lambda: stranger.connections)
        assert stranger.connections[0][1].is_failure
        stranger.leave()
        device = connect("d1")
        eventually(lambda: device.connections)
        device.client.publish("devices/d2/up", b"in another's name", qos=1)
        eventually(lambda: device.answers)
        assert device.answers[0].value == 0x87  # not authorised


def test_what_the_shipped_broker_lets_devices_send_the_bridge_can_take(
    program: tuple[int, Program],
    connect: Connect,
    running: Callable[[Program], AbstractContextManager[Child]],
    eventually: Callable[..., None],
) -> None:
    with running(program[1]):
        device = connect("d1")
        eventually(lambda: device.connections)
        limit = device.connections[0][2].MaximumPacketSize
    assert limit < Broker(url="mqtts://127.0.0.1:8883", client_id="bridge").maximum_packet_bytes
