"""Formats of times, JSON paths, regular expressions and FORMAT strings, into DuckDB's form or refused."""

import pytest

from localcloud.bigquery import patterns
from localcloud.rest import HttpError


@pytest.mark.parametrize(
    ("path", "translated"),
    [
        ("$", "$"),
        ("$.a.b", '$."a"."b"'),
        ("$.a[0].b-c", '$."a"[0]."b-c"'),
        ("""$['a b']["c"]""", '$."a b"."c"'),
        ('$."a.b"', '$."a.b"'),
    ],
)
def test_json_paths(path: str, translated: str) -> None:
    assert patterns.json_path(path) == translated


@pytest.mark.parametrize("path", ["a.b", "$.*", "$..a", "$[*]", "$[-1]", "$.a[", "$.a b"])
def test_other_json_paths_are_refused(path: str) -> None:
    with pytest.raises(HttpError):
        patterns.json_path(path)


def test_time_formats() -> None:
    assert patterns.output_format("%F %T.%%", in_utc=True) == "%Y-%m-%d %H:%M:%S.%%"
    assert patterns.output_format("%E3S%Ez", in_utc=True) == "%S.%g+00:00"
    assert patterns.input_formats("%F %E*S", dated=True) == ("%Y-%m-%d %S.%f", "%Y-%m-%d %S")


@pytest.mark.parametrize("text", ["%Q", "%", "%E9S", "%c"])
def test_other_time_formats_are_refused(text: str) -> None:
    with pytest.raises(HttpError):
        patterns.output_format(text, in_utc=True)


def test_a_zone_other_than_utc_is_not_spelled_and_a_year_is_needed() -> None:
    with pytest.raises(HttpError):
        patterns.output_format("%Z", in_utc=False)
    with pytest.raises(HttpError, match="without a year"):
        patterns.input_formats("%H:%M", dated=True)


@pytest.mark.parametrize(
    ("pattern", "group"),
    [("a", 0), ("(a)", 1), (r"\(a\)", 0), ("(?:a)b", 0), ("[(]a", 0), ("(?P<x>a)", 1), ("(?i)(a)", 1)],
)
def test_capturing_groups(pattern: str, group: int) -> None:
    assert patterns.capturing_group(pattern) == group


def test_conversions_of_format_are_checked() -> None:
    assert patterns.printf_format("%d%% of %s, %.2f, %05d") == "%d%% of %s, %.2f, %05d"
    for text in ("%t", "%x", "%", "%'d"):
        with pytest.raises(HttpError):
            patterns.printf_format(text)
