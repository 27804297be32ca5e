"""What a route reads of a message: ids and times in every form, sizes, and JSON only where it is asked for."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpointer import JsonPointer

from bridge.envelope import timestamp
from bridge.errors import CannotSucceed
from bridge.routes.model import IdSource, Treatment
from bridge.routes.payload import NOTHING, Payload, Place, Reading, event_time
from director.strict import parse

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(st.sampled_from("ab~/01"), max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(st.sampled_from("ab~/01-"), max_size=2), inner, max_size=4)
    ),
    max_leaves=20,
)
PARTS = st.lists(st.text(st.sampled_from("ab~/01-"), max_size=2), max_size=4)


def reading(**more: Any) -> Reading:
    return Reading.of(parse({"destination": "in", "event_type": "t"} | more, Treatment))


def refused(found: Reading, content: bytes) -> CannotSucceed:
    with pytest.raises(CannotSucceed) as caught:
        found.check(Payload(content))
    return caught.value


@given(document=JSON, parts=PARTS)
def test_a_pointer_leads_where_a_library_of_its_own_leads(document: Any, parts: list[str]) -> None:
    pointer = JsonPointer.from_parts(parts)
    try:
        expected = pointer.resolve(document, None)
    except Exception:  # what that library says of `-` and of positions that are none
        expected = None
    place = Place.of(IdSource(pointer=pointer.path))
    found = place.given(Payload(orjson.dumps(document)), [])
    assert found == expected or (type(expected).__name__ == "EndOfList" and found is None)


@given(seconds=st.floats(-62_135_596_800, 253_402_300_799))
def test_seconds_since_1970_become_the_time_python_says_they_are(seconds: float) -> None:
    assert event_time(seconds, "unix") == timestamp(datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("given_", "form", "expected"),
    [
        (0, "unix", "1970-01-01T00:00:00.000000Z"),
        (-0.25, "unix", "1969-12-31T23:59:59.750000Z"),
        (1_594_598_424_502, "unix_ms", "2020-07-13T00:00:24.502000Z"),
        ("1594598424.5", "unix", "2020-07-13T00:00:24.500000Z"),
        (0.9999999, "unix", "1970-01-01T00:00:01.000000Z"),
        ("2026-01-01T01:00:00+01:00", "rfc3339", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00.123456789Z", "rfc3339", "2026-01-01T00:00:00.123456Z"),
    ],
)
def test_times_are_told_in_rfc_3339(given_: Any, form: str, expected: str) -> None:
    assert event_time(given_, form) == expected


@pytest.mark.parametrize("given_", [None, True, [], {}, "", "soon", 1e300, float("nan"), float("inf"), 10**400])
@pytest.mark.parametrize("form", ["unix", "unix_ms", "rfc3339"])
def test_what_is_no_time_is_told_as_one_of_four_errors(given_: Any, form: str) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError, OSError)):
        event_time(given_, form)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b'{"id": 7}', "7"), (b'{"id": "x"}', "x"), (b'{"id": "' + b"x" * 256 + b'"}', "x" * 256), (b'{"id": -1}', "-1")],
)
def test_an_id_is_text_or_a_whole_number(payload: bytes, expected: str) -> None:
    assert reading(id={"pointer": "/id"}).id(Payload(payload), []) == expected


@pytest.mark.parametrize("given_", [b'""', b"true", b"1.5", b"null", b"[]", b'"' + b"x" * 257 + b'"'])
def test_nothing_else_is_an_id(given_: bytes) -> None:
    payload = Payload(b'{"id": ' + given_ + b"}")
    with pytest.raises(CannotSucceed, match="no usable id at payload /id"):
        reading(id={"pointer": "/id"}).id(payload, [])
    assert reading(id={"pointer": "/id"}, on_invalid="substitute").id(payload, []) is None


def test_the_first_user_property_of_a_name_is_the_one_that_counts() -> None:
    found = reading(id={"property": "id"})
    assert found.id(Payload(b""), [("other", "0"), ("id", "1"), ("id", "2")]) == "1"
    with pytest.raises(CannotSucceed, match="user property 'id'"):
        found.id(Payload(b""), [("other", "0")])


def test_sizes_are_limited_at_both_ends() -> None:
    found = reading(min_payload_bytes=2, max_payload_bytes=3)
    found.check(Payload(b"ab"))
    found.check(Payload(b"abc"))
    assert refused(found, b"a").reason == "too_small"
    assert refused(found, b"abcd").reason == "too_large"
    reading(max_payload_bytes=3, on_oversize="truncate").check(Payload(b"abcd"))


def test_a_schema_wants_json_that_fits() -> None:
    found = reading(json_schema={"type": "object", "required": ["t"]})
    found.check(Payload(b'{"t": 1}'))
    assert refused(found, b'{"t": ').reason == "invalid_json"
    assert refused(found, b"").reason == "invalid_json"
    assert refused(found, b"{}").reason == "schema_violation"


def test_only_a_route_that_reads_nothing_is_plain() -> None:
    assert NOTHING.plain
    assert reading(on_invalid="substitute", ordering_key="k", attributes={"a": "b"}).plain
    for asked in (
        {"id": {"property": "id"}},
        {"event_time": {"pointer": "/t"}},
        {"json_schema": {}},
        {"min_payload_bytes": 1},
        {"max_payload_bytes": 1},
        {"on_retained": "ignore"},
    ):
        assert not reading(**asked).plain
