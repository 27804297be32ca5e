"""A row is what the columns say, in BigQuery's protobuf types; what cannot be one says column, value and reason."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.errors import CannotSucceed
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.values import CONVERSIONS
from bridge import envelope
from director.strict import check, parsed

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
NOW_MICROS = int(NOW.timestamp()) * 1_000_000 + 6


def column(name: str = "c", **more: Any) -> Column:
    made, problems = check(parsed({"name": name, **more}, "test"), Column)
    assert made is not None, problems
    return made


def row(payload: bytes, *columns: Column, more: bytes = b"", **attributes: str) -> Any:
    """The row as BigQuery would read it, with the descriptor it is sent with."""
    encoder = RowEncoder(columns)
    raw = envelope.data(payload) + envelope.attributes(attributes) + more
    file = descriptor_pb2.FileDescriptorProto(name="r.proto", syntax="proto2", message_type=[encoder.descriptor])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Row")).FromString(encoder.encode(raw, NOW))


def stored(made: Any) -> Any:
    return made.c if made.HasField("c") else None


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("STRING", "text", "text"),
        ("STRING", 1.5, "1.5"),
        ("INT64", 7, 7),
        ("FLOAT64", 7, 7.0),
        ("FLOAT64", 7.5, 7.5),
        ("NUMERIC", 7.5, "7.500000000"),
        ("BOOL", True, True),
        ("TIMESTAMP", 1_594_598_424.5, 1_594_598_424_500_000),
        ("DATE", "1970-01-03", 2),
        ("DATETIME", "2020-07-13T00:00:24", "2020-07-13 00:00:24.000000"),
        ("TIME", "03:04:05", "03:04:05.000000"),
        ("BYTES", "AP8=", b"\x00\xff"),
        ("JSON", {"b": None}, '{"b":null}'),
        ("GEOGRAPHY", "POINT(1 2)", "POINT(1 2)"),
    ],
)
def test_values_become_what_the_column_says(kind: str, value: Any, expected: Any) -> None:
    assert row(json.dumps({"x": value}).encode(), column(type=kind, pointer="/x")).c == expected


@pytest.mark.parametrize(
    ("kind", "value"), [("INT64", "x"), ("INT64", 2**63), ("FLOAT64", True), ("BOOL", 1), ("TIMESTAMP", "soon")]
)
def test_a_value_that_does_not_fit_names_column_value_and_type(kind: str, value: Any) -> None:
    with pytest.raises(CannotSucceed) as caught:
        row(json.dumps({"x": value}).encode(), column("reading", type=kind, pointer="/x"))
    assert caught.value.reason == "invalid_value"
    assert str(caught.value).startswith(f"column reading: {json.dumps(value).strip(chr(34))!r} is no {kind}: ")


def test_columns_come_from_attributes_payload_envelope_and_constants() -> None:
    made = row(
        b'{"a": {"b/c": 1}}',
        column("id", type="STRING", attribute="ce-id"),
        column("deep", type="INT64", pointer="/a/b~1c"),
        column("now", type="TIMESTAMP", envelope="now"),
        column("attributes", type="JSON", envelope="attributes"),
        column("payload", type="JSON", envelope="payload"),
        column("source", type="STRING", literal="fleet"),
        column("site", type="INT64", literal=7),
        column("hot", type="BOOL", expression="data.a['b/c'] > 0 && attributes['ce-id'] == '7'"),
        column("key", type="STRING", envelope="ordering_key"),
        column("published", type="TIMESTAMP", envelope="publish_time"),
        more=envelope.ordering_key("k") + envelope.publish_time(NOW),
        **{"ce-id": "7"},
    )
    assert (made.id, made.deep, made.source, made.site, made.hot, made.key) == ("7", 1, "fleet", 7, True, "k")
    assert made.now == NOW_MICROS
    assert made.published == NOW_MICROS - 6
    assert json.loads(made.attributes) == {"ce-id": "7"}
    assert made.payload == '{"a": {"b/c": 1}}'


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/1/b", 7),
        ("/a/2", None),
        ("/a/x", None),
        ("/a/-", None),
        ("/n/x", None),
        ("/a~1b", 5),
        ("/a/9999999999", None),
    ],
)
def test_pointers_go_through_objects_and_arrays(pointer: str, found: int | None) -> None:
    assert stored(row(b'{"a": [0, {"b": 7}], "n": 1, "a/b": 5}', column(type="INT64", pointer=pointer))) == found


def test_the_empty_pointer_is_the_whole_payload() -> None:
    assert row(b"22.5", column(type="FLOAT64", pointer="")).c == 22.5


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("JSON", b'{"a": 1e2 }', '{"a": 1e2 }'),
        ("JSON", b"\xff\x00", '"/wA="'),
        ("STRING", b"plain", "plain"),
        ("STRING", b'"quoted"', '"quoted"'),
        ("STRING", b"\xff\x00", "/wA="),
        ("BYTES", b"\xff\x00", b"\xff\x00"),
        ("FLOAT64", b"22.5", 22.5),
        ("FLOAT64", b"hot", None),
    ],
)
def test_a_payload_is_kept_as_it_is_where_the_column_can(kind: str, payload: bytes, expected: Any) -> None:
    assert stored(row(payload, column(type=kind, envelope="payload"))) == expected


def test_of_several_origins_the_first_with_a_value_counts() -> None:
    at = column(type="TIMESTAMP", first_of=[{"pointer": "/at"}, {"expression": "data.time"}, {"attribute": "ce-time"}])
    second = "1970-01-01T00:00:01Z"
    assert row(b'{"at": 1}', at, **{"ce-time": "x"}).c == 1_000_000
    assert row(b'{"time": 1}', at, **{"ce-time": "x"}).c == 1_000_000
    assert row(b"no json", at, **{"ce-time": second}).c == 1_000_000
    assert stored(row(b"{}", at)) is None


def test_lists_fill_repeated_columns_from_payload_attribute_expression_and_literal() -> None:
    made = row(
        b'{"x": [1, "2"]}',
        column("a", type="INT64", mode="REPEATED", pointer="/x"),
        column("b", type="STRING", mode="REPEATED", attribute="tags"),
        column("c", type="INT64", mode="REPEATED", expression="[1, 2].map(x, x * 2)"),
        column("d", type="STRING", mode="REPEATED", literal='["l"]'),
        column("e", type="STRING", mode="REPEATED", pointer="/none"),
        tags='["u","v"]',
    )
    assert [list(each) for each in (made.a, made.b, made.c, made.d, made.e)] == [[1, 2], ["u", "v"], [2, 4], ["l"], []]


@pytest.mark.parametrize("value", ["1", "[1, null]", '["x"]', "{}"])
def test_what_is_no_list_of_the_type_is_refused_whole(value: str) -> None:
    with pytest.raises(CannotSucceed, match="is no list of INT64"):
        row(b'{"x": %b}' % value.encode(), column(type="INT64", mode="REPEATED", pointer="/x"))


def test_what_is_absent_is_null_unless_the_column_says_otherwise() -> None:
    for payload in (b"{}", b"no json", b'{"x": null}'):
        assert stored(row(payload, column(type="INT64", pointer="/x"))) is None
        assert row(payload, column(type="INT64", pointer="/x", on_missing="default", default=5)).c == 5
        with pytest.raises(CannotSucceed, match="column c: REQUIRED, and there is none") as caught:
            row(payload, column(type="INT64", mode="REQUIRED", pointer="/x"))
        assert caught.value.reason == "missing_value"
        with pytest.raises(CannotSucceed, match="column c: there is none"):
            row(payload, column(type="INT64", pointer="/x", on_missing="dead_letter"))


def test_an_expression_that_fails_is_an_invalid_value_and_one_without_its_key_a_missing_one() -> None:
    half = {"type": "FLOAT64", "expression": "data.n / 2"}
    with pytest.raises(CannotSucceed, match="column c: Unsupported operation: float / int") as caught:
        row(b'{"n": 1.5}', column(**half))
    assert caught.value.reason == "invalid_value"
    assert stored(row(b"{}", column(**half))) is None
    assert stored(row(b"no json", column(**half))) is None
    assert stored(row(b'{"n": 1.5}', column(**half, on_invalid=None))) is None


def test_a_value_that_does_not_fit_is_null_where_the_column_says_so_and_it_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ok = column("d", type="INT64", pointer="/y")
    for _ in range(3):
        made = row(b'{"x": "hot", "y": 1}', column("odd", type="FLOAT64", pointer="/x", on_invalid="null"), ok)
        assert not made.HasField("odd")
        assert made.d == 1
    assert caplog.text.count("column odd is null: 'hot' is no FLOAT64") == 1


def test_a_long_or_deep_value_is_shown_in_part() -> None:
    with pytest.raises(CannotSucceed) as caught:
        row(b'{"x": "%b"}' % (b"y" * 10_000), column(type="INT64", pointer="/x"))
    assert len(str(caught.value)) < 300
    with pytest.raises(CannotSucceed):
        row(b'{"x": %b%b}' % (b"[" * 900, b"]" * 900), column(type="INT64", pointer="/x"))


PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda value: json.dumps({"x": value}).encode(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
            max_leaves=5,
        ),
    ),
    st.sampled_from([b"[" * 2_000, b'{"x": 1e999}', b'{"x": NaN}', b'{"x": "\\ud800"}', b"\xef\xbb\xbf{}", b""]),
)
ORIGINS: list[dict[str, Any]] = [
    {"pointer": "/x"},
    {"pointer": "/x/0"},
    {"attribute": "x"},
    {"envelope": "payload"},
    {"expression": "data.x"},
    {"expression": "data.x * 2"},
    {"expression": "event_time"},
    {"first_of": [{"pointer": "/y"}, {"attribute": "x"}]},
]


@given(
    payload=PAYLOADS,
    kind=st.sampled_from(sorted(CONVERSIONS)),
    origin=st.sampled_from(ORIGINS),
    mode=st.sampled_from(["NULLABLE", "REQUIRED", "REPEATED"]),
    attributes=st.dictionaries(st.sampled_from(["x", "ce-time"]), st.text(max_size=10), max_size=2),
)
def test_b11_every_message_gives_a_row_or_the_reason_why_not(
    payload: bytes, kind: str, origin: dict[str, Any], mode: str, attributes: dict[str, str]
) -> None:
    try:
        row(payload, column(type=kind, mode=mode, **origin), **attributes)
    except CannotSucceed as error:
        assert error.reason in ("missing_value", "invalid_value")  # noqa: PT017 - either is fine
        assert str(error).startswith("column c: ")  # noqa: PT017


def test_b11_real_payloads_make_rows(payload_samples: list[dict[str, Any]]) -> None:
    columns = (
        column("id", type="STRING", attribute="ce-id"),
        column("payload", type="JSON", envelope="payload"),
        column("text", type="STRING", envelope="payload"),
    )
    for sample in payload_samples:
        payload = sample["payload"].encode()
        made = row(payload, *columns, **{"ce-id": sample["id"]})
        assert made.id == sample["id"]
        assert made.text == sample["payload"]
        assert json.loads(made.payload)
