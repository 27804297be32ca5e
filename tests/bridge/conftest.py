"""Sessions against a real broker: what they bring is kept, and they end with the test."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as paho
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.mqtt.broker import Broker
from bridge.mqtt.frames import Delivery
from bridge.mqtt.session import MqttSource
from localcloud.broker import mosquitto
from localcloud.ports import free_port


class Kept:
    """A receiver that keeps what comes."""

    def __init__(self) -> None:
        self.full = False
        self.connections: list[tuple[int, bool]] = []
        self.deliveries: list[Delivery] = []

    def connected(self, generation: int, resumed: bool) -> None:
        self.connections.append((generation, resumed))

    def received(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries += deliveries

    @property
    def payloads(self) -> list[bytes]:
        return [delivery.payload for delivery in self.deliveries]

    @property
    def packet_ids(self) -> list[bytes]:
        return [delivery.packet_id for delivery in self.deliveries]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def session(kept: Kept) -> Iterator[Callable[..., MqttSource]]:
    """Starts sessions: `session(url, filters, **broker)`; `receiver` is `kept` unless another is given."""
    made: list[MqttSource] = []

    def start(
        url: str,
        filters: Sequence[str] = ("up/#",),
        receiver: Any = None,
        ordinal: int | None = None,
        signs_of_takeover: int = 4,
        gone: Sequence[str] = (),
        **broker: Any,
    ) -> MqttSource:
        settings = Broker.model_validate_json(orjson.dumps({"url": url, "client_id": "bridge", **broker}))
        source = MqttSource(settings, filters, receiver or kept, ordinal, gone, signs_of_takeover)
        made.append(source)
        source.start()
        return source

    yield start
    for source in made:
        source.stop()


@pytest.fixture
def device() -> Iterator[Callable[..., paho.Client]]:
    """Connects other clients: `device(port)`; `options` prepare one before it connects."""
    made: list[paho.Client] = []

    def connect(port: int, name: str = "device", options: Callable[[paho.Client], None] | None = None) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        if options:
            options(client)
        client.connect("127.0.0.1", port, clean_start=True, properties=_expiry())
        client.loop_start()
        made.append(client)
        return client

    yield connect
    for client in made:
        client.disconnect()
        client.loop_stop()


class Scripted:
    """A broker that answers each packet as it is told: `answer(first byte, body)` gives bytes, or None to hang up."""

    def __init__(self, answer: Callable[[int, bytes], bytes | None]) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self.packets: list[tuple[int, bytes]] = []
        self.connections = 0
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads[0].start()

    def send(self, data: bytes) -> None:
        self._open[-1].sendall(data)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._server.accept()
                self.connections += 1
                self._open.append(one)
                self._threads.append(threading.Thread(target=self._serve, args=(one,)))
                self._threads[-1].start()

    def _serve(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError), one, one.makefile("rb") as stream:
            while head := stream.read(1):
                body = stream.read(_length(stream))
                self.packets.append((head[0], body))
                answer = self._answer(head[0], body)
                if answer is None:
                    return
                one.sendall(answer)


def _length(stream: Any) -> int:
    size = shift = 0
    while True:
        byte = stream.read(1)[0]
        size |= (byte & 127) << shift
        if byte < 128:
            return size
        shift += 7


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    with ExitStack() as open_brokers:

        def start(answer: Callable[[int, bytes], bytes | None]) -> Scripted:
            return open_brokers.enter_context(contextlib.closing(Scripted(answer)))

        yield start


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def certified(authority: trustme.CA, tmp_path: Path) -> Callable[..., list[str]]:
    """Writes a certificate for 127.0.0.1 and its key, and gives the broker's lines that name them."""

    def write(name: str = "server", *hosts: str) -> list[str]:
        issued = authority.issue_cert(*(hosts or ("127.0.0.1",)))
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        return [f"certfile {tmp_path / name}.pem", f"keyfile {tmp_path / name}.key"]

    return write


@pytest.fixture
def broker_with(tmp_path: Path, running: Any) -> Iterator[Callable[..., int]]:
    """Starts brokers whose configuration has further lines; gives their ports."""
    with ExitStack() as brokers:

        def start(*lines: str) -> int:
            port = free_port()
            folder = tmp_path / f"broker-{port}"
            folder.mkdir()
            brokers.enter_context(running(mosquitto(port, folder, lines)))
            return port

        yield start


def _expiry() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 0
    return properties
