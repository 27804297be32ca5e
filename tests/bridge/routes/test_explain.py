"""`python -m bridge routes`: check, explain and test, with exit codes that scripts can use."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.routes import explain
from director.strict import DocumentError

DOCUMENT: dict[str, Any] = {
    "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
    "destinations": {"berlin-in": "projects/p/topics/berlin", "rest": "projects/p/topics/rest"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": {
        "up": {
            "filter": "{site}/{device}/up",
            "destination": "{site}-in",
            "event_type": "iot.up",
            "ordering_key": "{device}",
            "id": {"property": "id"},
            "on_retained": "ignore",
        },
        "wide": {"filter": "berlin/#", "destination": "rest", "event_type": "iot.any"},
    },
    "on_overlap": "first",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT, sort_keys=False))
    return path


def call(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    explain.add_commands(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["routes", *map(str, argv)])
    return int(arguments.command(arguments))


def test_check_sums_up_what_is_right(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "--config", config) == 0
    assert capsys.readouterr().out.splitlines() == [
        "up: {site}/{device}/up -> {site}-in",
        "wide: berlin/# -> rest",
        "subscribes to +/+/up, berlin/#",
    ]


def test_check_tells_everything_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT | {"destinations": {"other": "projects/p/topics/x"}}))
    with pytest.raises(DocumentError) as caught:
        call("check", "--config", path)
    assert {problem.path for problem in caught.value.problems} == {
        "routes.up.destination",
        "routes.wide.destination",
        "destinations.other",
    }


def test_explain_shows_who_wins_and_the_envelope(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ("--payload", "21.5", "--property", "id=x=1", "--property", "unit=C", "--content_type", "text/plain")
    assert call("explain", "berlin/d1/up", *said, "--config", config) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert shown[:7] == [
        ["MQTT", "topic", "berlin/d1/up"],
        ["matches", "up", "(site=berlin,", "device=d1)"],
        ["matches", "wide,", "takes", "no", "copy"],
        ["route", "up"],
        ["Pub/Sub", "topic", "projects/p/topics/berlin"],
        ["ordering", "key", "d1"],
        ["data", "4", "bytes"],
    ]
    for expected in (["ce-id", "x=1"], ["content-type", "text/plain"], ["mqtt.up.unit", "C"], ["ce-subject", "d1"]):
        assert expected in shown


def test_explain_shows_dead_letters_and_what_is_ignored(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", "oslo/d1/up", "--qos", "0", "--config", config) == 0
    shown = capsys.readouterr().out
    assert "dead letter    unknown_destination" in shown
    assert "ordering key   none" in shown
    assert call("explain", "elsewhere", "--config", config) == 0
    assert "matches        no route" in capsys.readouterr().out
    assert call("explain", "berlin/d1/up", "--retain", "--config", config) == 0
    assert "ignored        acknowledged and not published" in capsys.readouterr().out


def test_explain_speaks_json_to_programs(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "payload"
    file.write_bytes(b"\xff\x00")
    assert call("explain", "berlin/x", "--payload_file", file, "--json", "--config", config) == 0
    found = json.loads(capsys.readouterr().out)
    attributes = found["copies"][0].pop("attributes")
    assert found == {
        "mqtt_topic": "berlin/x",
        "matches": [{"route": "wide", "captures": {}}],
        "ignored": False,
        "copies": [
            {
                "route": "wide",
                "pubsub_topic": "projects/p/topics/rest",
                "ordering_key": "",
                "dead_letter": None,
                "data_bytes": 2,
            }
        ],
    }
    assert attributes["ce-type"] == "iot.any"


def test_what_is_shown_forges_nothing_on_a_terminal(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", "berlin/\x1b[2J", "--property", "a=\x1b[31m", "--config", config) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", [("--property", "x"), ("--payload", "\udcff"), ("--property", f"a={'x' * 65_536}"), ("--qos", "2")]
)
def test_what_no_device_could_send_is_refused(config: Path, argv: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call("explain", "a", *argv, "--config", config)
    assert caught.value.code == 2


def test_test_fails_where_an_expectation_is_not_met(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case: dict[str, Any] = {"name": "one", "mqtt_topic": "berlin/x", "expect": {"route": "wide"}}
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"cases": [case]}))
    assert call("test", file, "--config", config) == 0
    assert capsys.readouterr().out == "cases: 1, expectations not met: 0\n"
    case["expect"]["route"] = "up"
    file.write_text(yaml.safe_dump({"cases": [case]}))
    assert call("test", file, "--config", config) == 1
    place, last = capsys.readouterr().out.splitlines()
    assert place == f'{file}:3:12: cases[0].expect.route: one: wanted "up", got "wide"'
    assert last == "cases: 1, expectations not met: 1"
