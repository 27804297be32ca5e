"""A broker's settings that cannot work, or would say secrets aloud, do not get inside."""

from typing import Any

import pytest

from bridge.mqtt.broker import Broker, Member, member
from director.strict import DocumentError, parse


def broker(**settings: Any) -> Broker:
    return parse({"url": "mqtts://broker.example.com", "client_id": "bridge", **settings}, Broker)


@pytest.mark.parametrize(
    "url",
    [
        "mqtt://127.0.0.1:1883",
        "mqtt://localhost",
        "mqtt://[::1]:1883",
        "ws://127.0.0.1:9001/mqtt",
        "mqtts://broker.example.com:8883/",
        "wss://broker.example.com/some/path",
    ],
)
def test_addresses_of_four_kinds_are_taken(url: str) -> None:
    assert broker(url=url).url == url


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("http://broker", "write mqtt://HOST:PORT"),
        ("mqtt://", "write mqtt://HOST:PORT"),
        ("mqtts://broker:99999", "write mqtt://HOST:PORT"),
        ("mqtts://broker:port", "write mqtt://HOST:PORT"),
        ("mqtts://[::1", "write mqtt://HOST:PORT"),
        ("mqtts://user:canary@broker", "use username and password"),
        ("wss://broker/mqtt?signature=canary", "leave it out"),
        ("mqtts://broker/path", "takes no path"),
        ("mqtt://broker.example.com", "use mqtts:// or wss://, or say allow_plaintext: true"),
        ("ws://10.0.0.1/mqtt", "use mqtts:// or wss://, or say allow_plaintext: true"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_to_write_and_shows_no_secret(url: str, advice: str) -> None:
    with pytest.raises(DocumentError, match=advice) as refused:
        broker(url=url)
    assert "canary" not in str(refused.value)


def test_no_encryption_beyond_this_machine_is_a_choice() -> None:
    assert not broker(url="mqtt://broker.example.com", allow_plaintext=True).encrypted


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"allow_plaintext": True}, "remove it"),
        ({"url": "mqtt://localhost", "tls": {"ca_file": "ca.pem"}}, "tls goes with mqtts://"),
        ({"password": {"env": "PASSWORD"}}, "password needs a username"),
        ({"username": "u", "password": "canary"}, "broker|password: .* not shown"),
        ({"username": "u", "password": {"file": "a", "env": "B"}}, "exactly one place"),
        ({"tls": {"certificate_file": "a.pem"}}, "go together"),
        ({"tls": {"alpn": [""]}}, "1 to 255 bytes"),
        ({"tls": {"insecure": True}}, "unknown key"),
        ({"protocol": "3.1"}, "did you mean '3.1.1'"),
        ({"status_topic": "status/#"}, "no '\\+', '#' or NUL"),
        ({"shared": {"group": "a/b"}}, "no '/'"),
    ],
)
def test_settings_that_do_not_fit_say_what_to_do(settings: dict[str, Any], advice: str) -> None:
    with pytest.raises(DocumentError, match=advice) as refused:
        broker(**settings)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(("written", "meant"), [("5", "5"), (5, "5"), ("3.1.1", "3.1.1")])
def test_the_protocol_may_be_written_as_a_number(written: Any, meant: str) -> None:
    assert broker(protocol=written).protocol == meant


def test_alone_a_bridge_is_called_as_it_is_told() -> None:
    assert member(broker(status_topic="status")) == Member("bridge", "status", "")


def test_a_bridge_that_is_alone_has_no_number() -> None:
    with pytest.raises(DocumentError, match="only members of a group have a number"):
        member(broker(), ordinal=3)


@pytest.mark.parametrize(
    ("ordinal", "host", "number"), [(3, "pod-7", 3), (0, "pod-7", 0), (None, "pod-7", 7), (None, "pod-7.sub.svc", 7)]
)
def test_a_member_of_a_group_has_the_number_it_is_given_or_that_of_its_host(
    ordinal: int | None, host: str, number: int
) -> None:
    one = member(broker(shared={"group": "bridges"}, status_topic="status"), ordinal, host)
    assert one == Member(f"bridge-{number}", f"status/{number}", "$share/bridges/")
    assert one.subscription("up/#") == "$share/bridges/up/#"


@pytest.mark.parametrize("host", ["laptop", "node7", "7"])
def test_a_member_without_a_number_is_told_where_to_get_one(host: str) -> None:
    with pytest.raises(DocumentError, match="--ordinal N, or a host name that ends in it"):
        member(broker(shared={"group": "bridges"}), host=host)
