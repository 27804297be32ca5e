"""Back to the bridge: published again to the MQTT broker, as the device published it.

Everybody who subscribes to the MQTT topic gets it, not the bridge alone. What the bridge could not keep of a message
(a topic cut to 1,024 bytes, properties that did not fit) cannot be given back: such letters are refused.
"""

import threading
from collections.abc import Sequence
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from director.addressing import RETRY_ATTEMPT
from director.desk.letters import Letter
from director.desk.ways import Addressed, Refused
from director.errors import Misconfigured, Unavailable

CONNECT_SECONDS, PUBACK_SECONDS = 10.0, 30.0
PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
MQTT = "mqtt:"
FRAME_BYTES = 9  # of a PUBLISH besides topic, properties and payload: 1 + 4 + 2 + 2
NO_SUBSCRIBERS = 0x10  # MQTT 5.0, table 3-4: accepted, and given to nobody
_GONE = {
    "mqtt.topic_sha256": "its MQTT topic was longer than 1,024 bytes, and only the start of it is kept",
    "mqtt.payload_sha256": "its route truncated the payload, and only the start of it is kept",
    "mqtt.properties_hex": "its MQTT 5 properties cannot be read",
}


class ThroughBroker:
    """A connection to the broker, opened with the first message. `password` needs a `username`."""

    def __init__(
        self, url: str | None, username: str | None = None, password: str | None = None, ca_file: str | None = None
    ) -> None:
        """Raises Misconfigured for an address that is none, or under which the password could be read on its way.

        Without an address, every letter is refused.
        """
        self._url = _checked(url, password) if url else None
        self._username, self._password, self._ca_file = username, password, ca_file
        self._connection: _Connection | None = None

    def addressed(self, letter: Letter, force: bool) -> Addressed:
        facts = letter.attributes
        if self._url is None:
            raise Refused("the bridge's messages go through the MQTT broker; say where: --broker, or MQTT_BROKER_URL")
        mqtt_topic = facts.get("mqtt.topic", "")
        if letter.reason == "invalid_topic_utf8" or not mqtt_topic:
            raise Refused("its MQTT topic is not UTF-8, so nothing can publish to it; the device has to change")
        for name, why in _GONE.items():
            if name in facts:
                raise Refused(f"{why}; the device has to send it again")
        if facts.get("mqtt.attrs_dropped") and not force:
            raise Refused(f"{facts['mqtt.attrs_dropped']} of its properties were dropped or cut; --force goes without")
        return Addressed(letter, MQTT + mqtt_topic)

    def send(self, letters: Sequence[Addressed]) -> list[str]:
        if self._connection is None:
            assert self._url is not None  # `addressed` refuses every letter else # noqa: S101
            self._connection = _Connection(self._url, self._username, self._password, self._ca_file)
        return self._connection.publish(letters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._connection:
            self._connection.close()


class _Connection:
    """One session of paho's; each message is waited for until the broker has acknowledged it."""

    def __init__(self, url: str, username: str | None, password: str | None, ca_file: str | None) -> None:
        address = urlsplit(url)
        self._name = f"{address.hostname}:{address.port or PORTS[address.scheme]}"
        self._acknowledged: dict[int, int] = {}
        self._changed = threading.Condition()
        self._refusal: str | None = None  # "" once connected
        self._largest: int | None = None  # bytes of a packet that the broker takes
        transport: Any = "websockets" if address.scheme in ("ws", "wss") else "tcp"
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, transport=transport)
        if transport == "websockets":
            client.ws_set_options(address.path or "/")
        if address.scheme in ("mqtts", "wss"):
            client.tls_set(ca_file)
        if username is not None:
            client.username_pw_set(username, password)
        client.on_connect, client.on_publish = self._connected, self._published
        client.on_connect_fail = self._not_connected
        self._client = client
        self._open(address.hostname or "", address.port or PORTS[address.scheme])

    def publish(self, letters: Sequence[Addressed]) -> list[str]:
        """Raises Unavailable where the broker is silent for so long that it must be gone."""
        sent = [self._publish(one) for one in letters]
        waiting = {mid for mid in sent if mid is not None}
        with self._changed:
            while not waiting <= self._acknowledged.keys():
                if not self._changed.wait(PUBACK_SECONDS):
                    raise Unavailable(f"the broker at {self._name} acknowledged nothing for {PUBACK_SECONDS:g} s")
            return [self._too_large() if mid is None else _problem(self._acknowledged.pop(mid)) for mid in sent]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, one: Addressed) -> int | None:
        """The packet's id; None where the broker would close the connection because of its size."""
        mqtt_topic, payload, properties = one.target.removeprefix(MQTT), one.letter.data or b"", _properties(one)
        size = FRAME_BYTES + len(mqtt_topic.encode()) + len(properties.pack()) + len(payload)
        if self._largest is not None and size > self._largest:
            return None
        info = self._client.publish(mqtt_topic, payload, qos=1, properties=properties)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise Unavailable(f"the broker at {self._name} takes nothing: {paho.error_string(info.rc)}")
        return int(info.mid)

    def _too_large(self) -> str:
        return f"the broker takes packets of {self._largest:,} bytes, and this one is larger"

    def _open(self, host: str, port: int) -> None:
        try:
            self._client.connect(host, port, keepalive=30)
        except (OSError, ValueError) as error:
            raise Unavailable(f"the broker at {self._name} cannot be reached: {error}") from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._refusal is not None, CONNECT_SECONDS)
        if self._refusal != "":
            self.close()
            raise Unavailable(f"the broker at {self._name}: {self._refusal or 'no answer to CONNECT'}")

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._refusal = str(reason) if reason.is_failure else ""
            self._largest = getattr(properties, "MaximumPacketSize", None)
            self._changed.notify_all()

    def _not_connected(self, client: Any, data: Any) -> None:
        with self._changed:
            self._refusal = self._refusal or "the connection was lost"
            self._changed.notify_all()

    def _published(self, client: Any, data: Any, mid: int, reason: Any, properties: Any) -> None:
        with self._changed:
            self._acknowledged[mid] = reason.value
            self._changed.notify_all()


def _properties(one: Addressed) -> Properties:
    """User properties as they came, and which try this is: the bridge keeps that like any other property."""
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [*one.letter.user_properties.items(), (RETRY_ATTEMPT, str(one.attempt))]
    content_type = one.letter.attributes.get("content-type")
    if content_type:
        properties.ContentType = content_type
    return properties


def _problem(code: int) -> str:
    if code == NO_SUBSCRIBERS:
        return "nobody subscribes to its MQTT topic: start the bridge, or add a route"
    return f"the broker refuses it (reason code 0x{code:02x})" if code >= 0x80 else ""


def _checked(url: str, password: str | None) -> str:
    try:
        address = urlsplit(url)
        fits = address.scheme in PORTS and bool(address.hostname) and address.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        fits = False
    if not fits or address.username or address.password:  # which is not repeated: it may hold a password
        raise Misconfigured("the broker's address has to be mqtt://HOST:PORT, mqtts://, ws:// or wss://, no password")
    if password and address.scheme in ("mqtt", "ws") and not _on_this_machine(address.hostname or ""):
        raise Misconfigured("the password would travel in plain text: use mqtts:// or wss://")
    return url


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
