"""BigQuery's text forms to what is stored, and back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from localcloud.bigquery import literals

MICROS = 1_704_164_645_000_000  # 2024-01-02 03:04:05 UTC


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-01-02 03:04:05", MICROS),
        ("2024-01-02T03:04:05Z", MICROS),
        ("2024-1-2 3:4:5", MICROS),
        ("2024-01-02 03:04:05.5 UTC", MICROS + 500_000),
        ("2024-01-02 03:04:05.123456789", MICROS + 123_456),
        ("2024-01-02 04:04:05+01", MICROS),
        ("2024-01-02 04:04:05+01:00", MICROS),
        ("2024-01-01 21:34:05-0530", MICROS),
        ("2024-01-02 04:04:05 Europe/Berlin", MICROS),
        ("2024-01-02", MICROS - (3 * 3600 + 4 * 60 + 5) * 1_000_000),
        ("0001-01-01 00:00:00", literals.FIRST_MICROS),
        ("9999-12-31 23:59:59.999999", literals.LAST_MICROS),
    ],
)
def test_timestamps(text: str, micros: int) -> None:
    assert literals.timestamp_micros(text) == micros


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (literals.timestamp_micros, "yesterday"),
        (literals.timestamp_micros, "2024-02-30 00:00:00"),
        (literals.timestamp_micros, "2024-01-02 25:00:00"),
        (literals.timestamp_micros, "2024-01-02 00:00:00 Mars/Base"),
        (literals.timestamp_micros, "0001-01-01 00:00:00+01"),
        (literals.date_days, "2023-02-29"),
        (literals.date_days, "2024-01-02 03:04:05"),
        (literals.time_micros, "24:00:00"),
        (literals.datetime_micros, "2024-01-02 03:04:05+01"),
        (literals.numeric, "abc"),
        (literals.numeric, "NaN"),
        (literals.numeric, "1e30"),
        (literals.json_text, "{'a': 1}"),
        (literals.json_text, "NaN"),
        (literals.json_text, ""),
    ],
)
def test_malformed_text_is_refused(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_dates_and_times_go_both_ways() -> None:
    assert literals.date_days("1970-01-02") == 1
    assert literals.date_text(literals.date_days("0001-01-01")) == "0001-01-01"
    assert literals.time_text(literals.time_micros("01:02:03")) == "01:02:03"
    assert literals.time_text(literals.time_micros("01:02:03.5")) == "01:02:03.500000"
    assert literals.datetime_text(literals.datetime_micros("2024-01-02 03:04:05")) == "2024-01-02T03:04:05"
    assert literals.timestamp_text(MICROS) == "2024-01-02 03:04:05+00"
    assert literals.datetime_text(-1) == "1969-12-31T23:59:59.999999"


def test_numerics_are_rounded_half_away_from_zero_to_nine_places() -> None:
    assert literals.numeric("0.0000000005") == Decimal("0.000000001")
    assert literals.numeric("-0.0000000005") == Decimal("-0.000000001")
    assert literals.numeric_text(literals.numeric(1.1)) == "1.1"
    assert literals.numeric_text(literals.numeric("100")) == "100"


def test_json_is_stored_compact() -> None:
    assert literals.json_text('{"b": [1, 2.50, "ä"],\n "a": null}') == '{"b":[1,2.5,"ä"],"a":null}'
