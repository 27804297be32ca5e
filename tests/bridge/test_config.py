"""A bridge's configuration is refused as a whole, with every problem and its place."""

import copy
from typing import Any

import pytest

from bridge.config import configuration
from director.strict import DocumentError, parsed

GOOD: dict[str, Any] = {
    "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "bridge-1"},
    "destinations": {"ingestion": "projects/p/topics/ingestion"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": {"up": {"filter": "devices/{device}/up", "destination": "ingestion", "event_type": "iot.telemetry"}},
}


def problems(changed: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(DocumentError) as caught:
        configuration(parsed(changed, "test"))
    return {problem.path: problem.message for problem in caught.value.problems}


def good(**route: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    document["routes"]["up"] |= route
    return document


def test_a_complete_configuration_is_taken_with_safe_defaults() -> None:
    config = configuration(parsed(GOOD, "test"))
    assert config.routes["up"].subject_capture == "device"
    assert config.broker.session_expiry_seconds == 86_400
    assert config.on_overlap == "refuse"


def test_qos_2_is_refused_with_the_reason() -> None:
    assert "not loss-safe" in problems(good(qos=2))["routes.up.qos"]


def test_all_problems_are_told_at_once() -> None:
    document = good(filter="a/#/b", event_time={"pointer": "ts"}, destinaton="x")
    document["broker"]["url"] = "http://broker"
    document["dead_letter_topic"] = "dead"
    found = problems(document)
    assert set(found) == {
        "broker.url",
        "dead_letter_topic",
        "routes.up.filter",
        "routes.up.event_time.pointer",
        "routes.up.destinaton",
    }
    assert "unknown key" in found["routes.up.destinaton"]


def test_destinations_are_checked_both_ways() -> None:
    document = good(destination="ingestoin")
    document["destinations"]["spare"] = "projects/p/topics/spare"
    found = problems(document)
    assert "ingestion, spare" in found["routes.up.destination"]
    assert "no route leads here" in found["destinations.spare"]


def test_overlapping_filters_are_refused_unless_the_first_is_to_win() -> None:
    document = copy.deepcopy(GOOD)
    document["routes"]["all"] = document["routes"]["up"] | {"filter": "devices/#"}
    assert "'up'" in problems(document)["routes.all.filter"]
    document["on_overlap"] = "first"
    assert configuration(parsed(document, "test")).on_overlap == "first"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"subject": "sensor"}, "routes.up.subject"),
        ({"id": {"pointer": "/id", "property": "id"}}, "routes.up.id"),
        ({"id": {}}, "routes.up.id"),
        ({"event_time": {"pointer": "/t", "format": "epoch"}}, "routes.up.event_time.format"),
        ({"event_type": ""}, "routes.up.event_type"),
    ],
)
def test_what_cannot_work_never_gets_inside(change: dict[str, Any], path: str) -> None:
    assert list(problems(good(**change))) == [path]


def test_credentials_do_not_belong_into_the_address() -> None:
    document = copy.deepcopy(GOOD)
    document["broker"]["url"] = "mqtt://user:hunter2@broker:1883"
    found = problems(document)
    assert "password_file" in found["broker.url"]
    assert "hunter2" not in str(found)
