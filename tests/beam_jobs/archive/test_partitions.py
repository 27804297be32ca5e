"""Folders follow a template; whatever an attribute holds, it stays inside its place."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive.partitions import checked, longest, of_key, partition, safe

TIME = "2026-01-02T03:04:05.000000Z"
FACTS = {"device.location": "hall-1", "ce-type": "iot", "priority": "high", "date": "never"}


@pytest.mark.parametrize(
    ("template", "folder"),
    [
        (of_key(["device.location"]), "date=2026-01-02/location=hall-1"),
        (of_key(["device.location", "priority"]), "date=2026-01-02/location=hall-1/priority=high"),
        (of_key([]), "date=2026-01-02"),
        ("{date}/{device.location}/{ce-type}", "2026-01-02/hall-1/iot"),
        ("{attributes.priority}/{date}/h{hour}", "high/2026-01-02/h03"),
        ("d={date}_{hour}-{ce-type}.x/{capture.none}", "d=2026-01-02_03-iot.x/unknown"),
        ("{date}/{attributes.date}", "2026-01-02/never"),
    ],
)
def test_a_template_makes_folders_of_event_time_and_attributes(template: str, folder: str) -> None:
    assert partition(checked(template))(TIME, FACTS) == folder


@pytest.mark.parametrize(
    ("template", "advice"),
    [
        ("{date}/{device}", r"unknown place \{device\}; write date, hour, an attribute"),
        ("{date}/{month}", r"unknown place \{month\}"),
        ("{date}/{}", r"unknown place \{\}"),
        ("{date}/{attributes.}", "unknown place"),
        ("{device.location}", r"has no \{date\}"),
        ("", "is empty"),
        ("{date}//x", "is empty"),
        ("/{date}", "is empty"),
        ("{date}/", "is empty"),
        ("../{date}", "only dots"),
        ("_manifest/{date}", "begins with _"),
        ("{date}/a b", "between places"),
        ("{date}/ü", "between places"),
        ("{date}/{ce-type", "between places"),
        ("{date}/{{ce-type}}", "between places"),
        ("{date}\n", "between places"),
    ],
)
def test_a_template_that_makes_no_folders_is_refused_with_what_to_do(template: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        checked(template)


@pytest.mark.parametrize(
    "value",
    ["../../etc/passwd", "a/b", "..", ".", "hall 1", "ü", "x" * 300, "a\nb", "{date}", "_manifest", "Öfen", "a=b"],
)
def test_no_value_escapes_its_place_or_meets_another(value: str) -> None:
    made = safe(value)
    assert set(made) <= set(string.ascii_letters + string.digits + "_-")
    assert made != value
    assert len(made) <= 110
    assert not made.startswith("_")  # such folders are the archive's own


@given(first=st.text(max_size=150), second=st.text(max_size=150))
def test_different_values_have_different_folders(first: str, second: str) -> None:
    assert (safe(first) == safe(second)) == (first == second or {first, second} == {"", "unknown"})


@given(values=st.lists(st.text(max_size=300), min_size=2, max_size=2))
def test_a_folder_is_never_longer_than_is_said(values: list[str]) -> None:
    template = "{date}/{hour}/{a.a}-{b.b}"
    folder = partition(template)(TIME, {"a.a": values[0], "b.b": values[1]})
    assert len(folder.encode()) <= longest(template)
    assert folder.count("/") == 2
