"""The broker as a bridge is told of it: address, identity, session, limits."""

import json
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.mqtt.credentials import Tls
from director.secrets import SecretReference
from director.strict import DocumentError, Problem, Strict

LARGEST_PACKET = 9_000_000  # bytes; a Pub/Sub request takes 10 MB, attributes included
PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_HOST_ORDINAL = re.compile(r"-(\d+)$")


def _broker_url(text: str) -> str:
    try:
        url = urlsplit(text)
        known = url.scheme in PORTS and url.hostname and url.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        known = False
    if not known:
        choices = "mqtt://HOST:PORT, mqtts:// for TLS, ws:// or wss:// for WebSocket"
        raise ValueError(f"this is no broker address: write {choices}")
    if url.username or url.password:
        raise ValueError("a user name and password do not belong into the address: use username and password")
    if url.query or url.fragment:
        raise ValueError("an address ends with its path; what follows '?' or '#' may be a secret: leave it out")
    if url.path.strip("/") and url.scheme not in ("ws", "wss"):
        raise ValueError(f"{url.scheme}:// takes no path; ws:// and wss:// do")
    return text


def _status_topic(text: str) -> str:
    if not text or len(text.encode(errors="replace")) > 1_024 or set(text) & set("+#\0"):
        raise ValueError("a topic to publish to has 1 to 1,024 bytes and no '+', '#' or NUL")
    return text


def _group(text: str) -> str:
    if not text or set(text) & set("/+#\0"):
        raise ValueError("a group has at least one character, and no '/', '+', '#' or NUL")
    return text


class Shared(Strict):
    """Several bridges that divide the messages of one group of subscriptions among them."""

    group: Annotated[str, AfterValidator(_group)]


class Broker(Strict):
    """The MQTT broker and our session there. The client id owns the session: one running bridge for each.

    `maximum_packet_bytes` must lie above the broker's own limit for devices: what lies between vanishes at the broker.
    It, `receive_maximum` and `session_expiry_seconds` are what MQTT 5 tells the broker; MQTT 3.1.1 knows none of them.
    With `shared`, the client id ends in the ordinal of the member, and so does the status topic.
    """

    url: Annotated[str, AfterValidator(_broker_url)]
    client_id: Annotated[str, Field(min_length=1, max_length=128)]
    protocol: Annotated[Literal["5", "3.1.1"], BeforeValidator(lambda value: "5" if value == 5 else value)] = "5"
    tls: Tls = Tls()
    allow_plaintext: bool = False
    username: str | None = None
    password: SecretReference | None = None
    session_expiry_seconds: Annotated[int, Field(ge=60, le=0xFFFFFFFF)] = 86_400
    keepalive_seconds: Annotated[int, Field(ge=2, le=65_535)] = 60
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 1_000
    maximum_packet_bytes: Annotated[int, Field(ge=1_024, le=LARGEST_PACKET)] = 1_200_000
    status_topic: Annotated[str, AfterValidator(_status_topic)] | None = None
    shared: Shared | None = None

    @property
    def address(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def encrypted(self) -> bool:
        return self.address.scheme in ("mqtts", "wss")

    @property
    def mqtt5(self) -> bool:
        return self.protocol == "5"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*_of_encryption(self), *_of_credentials(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _of_encryption(broker: Broker) -> list[str]:
    if not broker.encrypted:
        problems = ["tls goes with mqtts:// and wss:// addresses"] if broker.tls != Tls() else []
        if not broker.allow_plaintext and not _loopback(broker.address.hostname or ""):
            advice = "use mqtts:// or wss://, or say allow_plaintext: true"
            problems.append(f"{broker.url} is not encrypted, so that passwords and messages can be read: {advice}")
        return problems
    return ["allow_plaintext: true goes with mqtt:// and ws:// only; remove it"] if broker.allow_plaintext else []


def _of_credentials(broker: Broker) -> list[str]:
    if broker.password and not broker.username:
        return ["password needs a username; write any where the broker looks at a token only"]
    return []


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Member:
    """What one running bridge is called at the broker, and how it names its subscriptions there."""

    client_id: str
    status_topic: str | None
    prefix: str

    def subscription(self, mqtt_filter: str) -> str:
        return self.prefix + mqtt_filter

    def status(self, status: str) -> bytes:
        return json.dumps({"status": status, "client_id": self.client_id}, separators=(",", ":")).encode()


def member(broker: Broker, ordinal: int | None = None, host: str | None = None) -> Member:
    """Which member of its group this bridge is: `ordinal`, else the number that ends the host's name.

    Raises DocumentError where `broker.shared` needs an ordinal and there is none, or one is given without need.
    """
    if broker.shared is None:
        if ordinal is not None:
            raise DocumentError([Problem("--ordinal", 0, 0, "broker.shared", "only members of a group have a number")])
        return Member(broker.client_id, broker.status_topic, prefix="")
    number = _host_ordinal(host or socket.gethostname()) if ordinal is None else ordinal
    if number is None:
        reason = "each member of a group has a number: give --ordinal N, or a host name that ends in it, as bridge-0"
        raise DocumentError([Problem("--ordinal", 0, 0, "broker.shared", reason)])
    status_topic = f"{broker.status_topic}/{number}" if broker.status_topic else None
    return Member(f"{broker.client_id}-{number}", status_topic, prefix=f"$share/{broker.shared.group}/")


def _host_ordinal(host: str) -> int | None:
    found = _HOST_ORDINAL.search(host.split(".")[0])
    return int(found[1]) if found else None
