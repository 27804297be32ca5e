"""Recorded messages keep every byte but their time."""

import gzip
import json

import pytest
import yaml

from examples.demo.programs import ARCHITECTURE
from examples.demo.schedule import Plan, Planned, schedule
from examples.demo.telemetry import RECORDED, payload, recordings

DUE = 1_800_000_000.25


def test_the_excerpt_holds_six_thousand_messages_of_three_sensors() -> None:
    with gzip.open(RECORDED) as lines:
        rows = [json.loads(line) for line in lines]
    assert len(rows) == 6000
    assert {row["device"] for row in rows} == {"iot-device-01", "iot-device-02", "iot-device-03"}


def test_only_the_time_changes() -> None:
    with gzip.open(RECORDED) as lines:
        first = next(lines).rstrip(b"\n")
    assert recordings()[0].at(DUE) == first.replace(b"1594598424.5023336", b"1800000000.25")


def test_a_good_message_tells_when_it_was_due_and_a_late_one_a_time_before() -> None:
    recorded = recordings()
    good = json.loads(payload(Planned(1, "device-0001", "good", 0), DUE, recorded))
    late = json.loads(payload(Planned(1, "device-0001", "late", 0, hours_late=2), DUE, recorded))
    assert good["ts"] == DUE
    assert late["ts"] == DUE - 7200


def test_a_truncated_message_is_no_json_and_a_binary_one_no_text() -> None:
    recorded = recordings()
    with pytest.raises(json.JSONDecodeError):
        json.loads(payload(Planned(1, "device-0001", "truncated", 0), DUE, recorded))
    with pytest.raises(UnicodeDecodeError):
        payload(Planned(1, "device-0001", "binary", 0), DUE, recorded).decode()


def test_the_fleets_devices_are_those_of_the_register_and_a_few_unknown() -> None:
    register = yaml.safe_load((ARCHITECTURE.parent / "dataflows" / "devices.yaml").read_text())
    devices = {planned.device for planned in schedule(Plan(messages=20_000))}
    assert register.keys() < devices
    assert len(devices - register.keys()) == Plan().unknown_devices
