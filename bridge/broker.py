"""The broker as a bridge is told of it: address, identity, session, limits."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from director.strict import Strict

LARGEST_PACKET = 9_000_000  # bytes; a Pub/Sub request takes 10 MB, attributes included


def _broker_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("mqtt", "mqtts") or not url.hostname:
        raise ValueError(f"{text!r} is no broker address: write mqtt://HOST:PORT, or mqtts:// for TLS")
    if url.username or url.password:
        raise ValueError("a user name and password do not belong into the address: use username and password_file")
    return text


class Broker(Strict):
    """The MQTT broker and our session there. The client id owns the session: one running bridge for each.

    `maximum_packet_bytes` must lie above the broker's own limit for devices: what lies between vanishes at the broker.
    """

    url: Annotated[str, AfterValidator(_broker_url)]
    client_id: Annotated[str, Field(min_length=1, max_length=128)]
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    session_expiry_seconds: Annotated[int, Field(ge=60, le=0xFFFFFFFF)] = 86_400
    keepalive_seconds: Annotated[int, Field(ge=2, le=65_535)] = 60
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 1_000
    maximum_packet_bytes: Annotated[int, Field(ge=1_024, le=LARGEST_PACKET)] = 1_200_000
