"""Cases beside routes: what holds is silent, what does not is told with its place, what was wanted and what came."""

from typing import Any

import pytest
import yaml

from bridge.config import BridgeConfig, configuration
from bridge.routes.cases import failures
from director.strict import DocumentError, parsed, read

UP = {"filter": "devices/{device}/up", "destination": "ingestion", "event_type": "iot.up", "ordering_key": "{device}"}
WIDE = {"filter": "devices/#", "destination": "all", "event_type": "iot.any", "on_retained": "ignore"}


def config() -> BridgeConfig:
    document = {
        "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
        "destinations": {"ingestion": "projects/p/topics/ingestion", "all": "projects/p/topics/all"},
        "dead_letter_topic": "projects/p/topics/dead",
        "routes": {"up": UP | {"id": {"pointer": "/id"}}, "wide": WIDE},
        "on_overlap": "all",
    }
    return configuration(parsed(document, "bridge"))


def unmet(case: dict[str, Any], **expect: Any) -> list[str]:
    """What does not hold of one case."""
    whole = {"mqtt_topic": "devices/d1/up", "payload_json": {"id": "x1"}} | case | {"expect": expect}
    number, problems = failures(config(), parsed({"cases": [whole]}, "cases.yaml"))
    assert number == 1
    return [str(problem) for problem in problems]


def test_expectations_that_hold_are_silent() -> None:
    assert not unmet(
        {"properties": {"unit": "C"}, "content_type": "text/csv"},
        route="up",
        destination="ingestion",
        pubsub_topic="projects/p/topics/ingestion",
        subject="d1",
        ordering_key="d1",
        copies=2,
        attributes={"ce-id": "x1", "mqtt.up.unit": "C", "content-type": "text/csv", "dead_letter.reason": None},
    )
    assert not unmet({}, route="wide", destination="all", ordering_key="", attributes={"ce-type": "iot.any"})
    assert not unmet({"payload_json": {}}, dead_letter="invalid_id", route="up")
    assert not unmet({"mqtt_topic": "else"}, dead_letter="no_route", copies=1)
    assert not unmet({"mqtt_topic": "devices/x", "retain": True, "qos": 0}, ignored=True)


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"route": "else"}, 'expect.route: wanted "else", got "up"'),
        ({"destination": "all"}, 'expect.destination: wanted "all", got "ingestion"'),
        ({"pubsub_topic": "t"}, 'expect.pubsub_topic: wanted "t", got "projects/p/topics/ingestion"'),
        ({"subject": "d2"}, 'expect.subject: wanted "d2", got "d1"'),
        ({"ordering_key": ""}, 'expect.ordering_key: wanted "", got "d1"'),
        ({"copies": 1}, "expect.copies: wanted 1, got 2"),
        ({"ignored": True}, "expect.ignored: wanted true, got false"),
        ({"dead_letter": "too_large"}, 'expect.dead_letter: wanted "too_large", got none'),
        ({"attributes": {"ce-id": "7"}}, 'expect.attributes.ce-id: wanted "7", got "x1"'),
        ({"attributes": {"colour": "red"}}, 'expect.attributes.colour: wanted "red", got none'),
        ({"attributes": {"ce-id": None}}, 'expect.attributes.ce-id: wanted none, got "x1"'),
    ],
)
def test_an_expectation_that_does_not_hold_says_what_was_wanted_and_what_came(
    expect: dict[str, Any], said: str
) -> None:
    (found,) = unmet({}, **expect)
    assert found == f"cases.yaml: cases[0].{said}"


def test_a_dead_letter_that_nobody_expected_says_why_it_is_one() -> None:
    (found,) = unmet({"payload_json": {}}, route="up")
    assert found.endswith('expect.dead_letter: wanted none, got "invalid_id": no usable id at payload /id')


def test_a_message_that_is_ignored_unexpectedly_says_so() -> None:
    assert unmet({"mqtt_topic": "devices/x", "retain": True}) == [
        "cases.yaml: cases[0].expect.ignored: wanted false, got true"
    ]


def test_failures_are_told_with_line_and_name() -> None:
    text = yaml.safe_dump({"cases": [{"name": "first", "mqtt_topic": "else", "expect": {"dead_letter": "x"}}]})
    _, (problem,) = failures(config(), read(text))
    assert (problem.line, problem.message) == (3, 'first: wanted "x", got "no_route": no route matches \'else\'')


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        ({}, b""),
        ({"payload": "text"}, b"text"),
        ({"payload_json": None}, b"null"),
        ({"payload_json": [1, "x"]}, b'[1,"x"]'),
        ({"payload_hex": "00ff"}, b"\x00\xff"),
    ],
)
def test_payloads_are_written_as_text_json_or_hex(payload: dict[str, Any], content: bytes) -> None:
    document = {"cases": [{"mqtt_topic": "devices/x", "expect": {"copies": 1}} | payload]}
    number, problems = failures(_exactly(len(content)), parsed(document, "cases.yaml"))
    assert (number, problems) == (1, [])


def _exactly(size: int) -> BridgeConfig:
    """A configuration that takes payloads of one size only."""
    document = {
        "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
        "destinations": {"all": "projects/p/topics/all"},
        "dead_letter_topic": "projects/p/topics/dead",
        "routes": {"wide": WIDE | {"min_payload_bytes": size, "max_payload_bytes": max(size, 1)}},
    }
    return configuration(parsed(document, "bridge"))


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ({"payload": "a", "payload_hex": "00"}, "cases[0]"),
        ({"payload_hex": "0"}, "cases[0].payload_hex"),
        ({"mqtt_topic": "devices/+/up"}, "cases[0].mqtt_topic"),
        ({"mqtt_topic": ""}, "cases[0].mqtt_topic"),
        ({"mqtt_topic": "x" * 65_536}, "cases[0].mqtt_topic"),
        ({"properties": {"a": "x" * 65_536}}, "cases[0].properties.a"),
        ({"properties": {"a": 1}}, "cases[0].properties.a"),
        ({"qos": 2}, "cases[0].qos"),
        ({"topic": "a"}, "cases[0].topic"),
        ({"expect": {"copies": 0}}, "cases[0].expect.copies"),
        ({"expect": {"reason": "x"}}, "cases[0].expect.reason"),
        ({"expect": None}, "cases[0].expect"),
    ],
)
def test_a_case_file_is_checked_before_anything_is_run(case: dict[str, Any], path: str) -> None:
    document = {"cases": [{"mqtt_topic": "a", "expect": {}} | case]}
    with pytest.raises(DocumentError) as caught:
        failures(config(), parsed(document, "cases.yaml"))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_a_file_without_cases_proves_nothing() -> None:
    with pytest.raises(DocumentError):
        failures(config(), parsed({"cases": []}, "cases.yaml"))
