"""Letters of the bridge, published again to a real mosquitto as their devices published them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as paho
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion

from bridge.config import BridgeConfig
from bridge.routes.cases import delivery
from bridge.wrapper import Wrapper
from director.desk.broker import ThroughBroker
from director.desk.selection import Selection
from director.errors import Misconfigured, Unavailable
from localcloud.broker import mosquitto
from localcloud.ports import free_port
from tests.director.desk.offices import Office

PENDING = Selection()
Make = Callable[..., bytes]
Eventually = Callable[..., None]


class Subscriber:
    """Somebody at the broker, and what came."""

    def __init__(self, port: int, mqtt_filter: str) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = lambda client, data, message: self.messages.append(message)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(mqtt_filter, qos=1)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def subscriber(broker_port: int) -> Iterator[Subscriber]:
    one = Subscriber(broker_port, "#")
    yield one
    one.close()


def wrapped(mqtt_topic: str, payload: bytes, properties: dict[str, str]) -> bytes:
    """What the bridge makes of a message that no route takes."""
    document = {
        "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
        "destinations": {"in": "projects/p/topics/in"},
        "dead_letter_topic": "projects/p/topics/dead",
        "routes": {"other": {"filter": "other/#", "destination": "in", "event_type": "iot.any"}},
    }
    config = BridgeConfig.model_validate(document, strict=False)
    one = delivery(mqtt_topic, payload, properties, None, 1, False)
    (dead,) = Wrapper(config, "run").wrap([one], datetime.now(UTC))
    assert dead.dead
    return dead.message


def properties(message: paho.MQTTMessage) -> Sequence[tuple[str, str]]:
    """Sorted: a JSON column keeps no order."""
    return sorted(getattr(message.properties, "UserProperty", ()))


@pytest.mark.parametrize("payload", [b"", b"\x00\xff\xfe", bytes(range(256)), b"x" * 100_000])
def test_a_message_comes_back_as_the_device_sent_it(
    office: Office, broker_port: int, subscriber: Subscriber, eventually: Eventually, payload: bytes
) -> None:
    sent = {"id": "7", "ünï": "ø", "retry.other": "kept"}
    office.add(wrapped("up/ä/1", payload, sent))
    (outcome,) = office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING)
    assert (outcome.done, outcome.target) == ("retried", "mqtt:up/ä/1")
    eventually(lambda: subscriber.messages)
    (message,) = subscriber.messages
    assert (message.topic, message.payload, message.qos, message.retain) == ("up/ä/1", payload, 1, False)
    assert properties(message) == sorted([*sent.items(), ("retry.attempt", "2")])
    (decision,) = office.decisions()
    assert (decision["decision"], decision["target"]) == ("retried", "mqtt:up/ä/1")


def test_what_fails_in_the_bridge_again_is_counted_up(
    office: Office, broker_port: int, subscriber: Subscriber, eventually: Eventually
) -> None:
    office.add(wrapped("up/1", b"x", {"id": "7"}))
    for attempt in (2, 3):
        list(office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING))
        eventually(lambda: len(subscriber.messages) == attempt - 1)  # noqa: B023
        message = subscriber.messages[-1]
        office.add(wrapped(message.topic, message.payload, dict(properties(message))))
        (again,) = office.desk().list(PENDING)
        assert again.attempt == attempt
        assert again.user_properties == {"id": "7"}
    (outcome,) = office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING, max_attempts=3)
    assert "it failed 3 times" in outcome.why


def test_many_messages_go_at_once_and_each_is_acknowledged(
    office: Office, bridge_letter: Make, broker_port: int, subscriber: Subscriber, eventually: Eventually
) -> None:
    office.add(*(bridge_letter(f"up/{number}") for number in range(300)))
    outcomes = list(office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING))
    assert [one.done for one in outcomes] == ["retried"] * 300
    eventually(lambda: len(subscriber.messages) == 300)
    assert len(office.decisions()) == 300


def test_jobs_and_the_bridge_get_their_own(
    office: Office,
    letter: Make,
    bridge_letter: Make,
    broker_port: int,
    subscriber: Subscriber,
    eventually: Eventually,
) -> None:
    (warehouse,) = office.topic("warehouse")
    office.add(letter(warehouse), bridge_letter("up/1"), letter(warehouse))
    outcomes = list(office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING))
    assert sorted(one.target for one in outcomes) == ["mqtt:up/1", warehouse, warehouse]
    assert len(office.pulled(warehouse)) == 2
    eventually(lambda: len(subscriber.messages) == 1)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"reason": "invalid_topic_utf8"}, "not UTF-8"),
        ({"mqtt_topic": ""}, "not UTF-8"),
        ({"mqtt.topic_sha256": "0"}, "longer than 1,024 bytes"),
        ({"mqtt.payload_sha256": "0"}, "truncated the payload"),
        ({"mqtt.properties_hex": "00"}, "properties cannot be read"),
        ({"mqtt.attrs_dropped": "2"}, "2 of its properties were dropped"),
    ],
)
def test_what_cannot_be_given_back_whole_is_refused(
    office: Office, bridge_letter: Make, facts: dict[str, str], why: str
) -> None:
    office.add(bridge_letter(**facts))
    (outcome,) = office.desk("mqtt://127.0.0.1:1").retry(PENDING)
    assert outcome.done == "refused"
    assert why in outcome.why


@pytest.mark.usefixtures("subscriber")
def test_lost_properties_can_be_gone_without(office: Office, bridge_letter: Make, broker_port: int) -> None:
    office.add(bridge_letter(**{"mqtt.attrs_dropped": "2"}))
    assert [one.done for one in office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING, force=True)] == [
        "retried"
    ]


def test_a_message_that_nobody_subscribes_to_is_refused_and_stays_undecided(
    office: Office, bridge_letter: Make, broker_port: int
) -> None:
    office.add(bridge_letter("nobody/listens"))
    (outcome,) = office.desk(f"mqtt://127.0.0.1:{broker_port}").retry(PENDING)
    assert "nobody subscribes" in outcome.why
    assert office.decisions() == []


def test_a_message_larger_than_the_broker_takes_does_not_hold_up_the_others(
    office: Office, bridge_letter: Make, tmp_path: Any, running: Any
) -> None:
    port = free_port()
    office.add(*(bridge_letter(f"up/{size}", data=b"x" * size) for size in (10, 3_000, 20)))
    with running(mosquitto(port, tmp_path, ["max_packet_size 2000"])):
        some = Subscriber(port, "#")
        outcomes = list(office.desk(f"mqtt://127.0.0.1:{port}").retry(PENDING))
        some.close()
    assert [one.target for one in outcomes if one.done == "retried"] == ["mqtt:up/10", "mqtt:up/20"]
    (refused,) = (one for one in outcomes if one.done == "refused")
    assert refused.why == "the broker takes packets of 2,000 bytes, and this one is larger"


def test_without_a_broker_letters_of_the_bridge_are_refused(office: Office, bridge_letter: Make) -> None:
    office.add(bridge_letter())
    (outcome,) = office.desk().retry(PENDING)
    assert "MQTT_BROKER_URL" in outcome.why


def test_a_broker_that_is_not_there_ends_the_retry(office: Office, bridge_letter: Make) -> None:
    office.add(bridge_letter())
    port = free_port()
    with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} cannot be reached"):
        list(office.desk(f"mqtt://127.0.0.1:{port}").retry(PENDING))
    assert office.decisions() == []


def test_a_broker_that_refuses_us_says_why(office: Office, bridge_letter: Make, tmp_path: Any, running: Any) -> None:
    office.add(bridge_letter())
    port = free_port()
    (tmp_path / "passwords").touch(mode=0o600)
    lines = ["allow_anonymous false", f"password_file {tmp_path / 'passwords'}"]
    with running(mosquitto(port, tmp_path, lines)), pytest.raises(Unavailable, match="Not authorized"):
        list(office.desk(f"mqtt://127.0.0.1:{port}").retry(PENDING))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused socket open
def test_over_tls_the_brokers_certificate_is_checked(
    office: Office, bridge_letter: Make, tmp_path: Any, running: Any
) -> None:
    authority, port = trustme.CA(), free_port()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    lines = [f"certfile {tmp_path / 'cert.pem'}", f"keyfile {tmp_path / 'key.pem'}"]
    office.add(bridge_letter())
    url = f"mqtts://127.0.0.1:{port}"
    with running(mosquitto(port, tmp_path, lines)):
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            list(office.desk(url).retry(PENDING))
        with ThroughBroker(url, ca_file=str(tmp_path / "ca.pem")) as way:
            (found,) = office.desk().list(PENDING, with_data=True)
            assert "nobody subscribes" in way.send([way.addressed(found, force=False)])[0]


@pytest.mark.parametrize(
    "url", ["127.0.0.1:1883", "http://h", "mqtt://", "mqtt://user:pw@h", "mqtt://h:x", "mqtt://h:0"]
)
def test_an_address_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Misconfigured, match="mqtt://HOST:PORT") as caught:
        ThroughBroker(url)
    assert "pw" not in str(caught.value).replace("password", "")


def test_a_password_goes_over_no_network_in_plain_text() -> None:
    with pytest.raises(Misconfigured, match="plain text: use mqtts://"):
        ThroughBroker("mqtt://broker.example", "name", "word")
    ThroughBroker("mqtt://127.0.0.1", "name", "word")
    ThroughBroker("mqtts://broker.example", "name", "word")
