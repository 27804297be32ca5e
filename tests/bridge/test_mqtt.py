"""A session over TLS works like any other, and refuses a broker it cannot check."""

import datetime
import gc
import ipaddress
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion

from bridge.broker import Broker
from bridge.frames import Delivery
from bridge.mqtt import MqttSource
from localcloud.broker import accepts_connections, find_mosquitto
from localcloud.children import Program
from localcloud.ports import free_port


class Receiver:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.generations: list[int] = []
        self.deliveries: list[Delivery] = []

    def connected(self, generation: int) -> None:
        self.generations.append(generation)

    def received(self, generation: int, deliveries: Sequence[Delivery]) -> None:
        self.deliveries += deliveries


@pytest.fixture
def tls_port(tmp_path: Path, running: Any) -> Iterator[int]:
    """A broker with a certificate of its own, `ca.pem`."""
    certificate(tmp_path)
    port = free_port()
    (tmp_path / "tls.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        f"certfile {tmp_path / 'ca.pem'}\nkeyfile {tmp_path / 'key.pem'}\n"
    )

    async def listening() -> bool:
        return await accepts_connections(port)

    with running(Program("mosquitto", [find_mosquitto(), "-c", str(tmp_path / "tls.conf")], listening)):
        yield port


def certificate(folder: Path) -> None:
    """A key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test broker")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_messages_come_over_tls_large_and_small(tls_port: int, tmp_path: Path, eventually: Any) -> None:
    receiver = Receiver()
    broker = Broker(url=f"mqtts://127.0.0.1:{tls_port}", client_id="bridge", ca_file=str(tmp_path / "ca.pem"))
    source = MqttSource(broker, ["up/#"], receiver)
    source.start()
    eventually(lambda: source.problem is None)
    device = paho.Client(CallbackAPIVersion.VERSION2, client_id="device")
    device.tls_set(ca_certs=str(tmp_path / "ca.pem"))
    device.connect("127.0.0.1", tls_port)
    device.loop_start()
    payloads = [b"x" * size for size in (0, 1, 100, 20_000, 300_000)] * 4
    for payload in payloads:
        device.publish("up/d", payload, qos=1)
    eventually(lambda: len(receiver.deliveries) == len(payloads))
    assert [delivery.payload for delivery in receiver.deliveries] == payloads
    assert receiver.generations == [1]
    device.disconnect()
    device.loop_stop()
    source.stop()


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket")  # paho leaves the socket of a failed handshake open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_whose_certificate_nobody_vouches_for_is_not_connected_to(tls_port: int, eventually: Any) -> None:
    receiver = Receiver()
    source = MqttSource(Broker(url=f"mqtts://127.0.0.1:{tls_port}", client_id="bridge"), ["up/#"], receiver)
    source.start()
    eventually(lambda: source.failures >= 2)
    assert receiver.generations == []
    assert source.alive
    assert "not connected" in (source.problem or "")
    source.stop()
    gc.collect()


def test_an_acknowledgement_of_another_connection_is_not_sent(broker_port: int, eventually: Any) -> None:
    receiver = Receiver()
    source = MqttSource(Broker(url=f"mqtt://127.0.0.1:{broker_port}", client_id="bridge"), ["up/#"], receiver)
    assert not source.acknowledge(1, [b"\x00\x01"])
    source.start()
    eventually(lambda: source.problem is None)
    assert not source.acknowledge(2, [b"\x00\x01"])
    assert source.acknowledge(1, [])
    source.stop()
