# ruff: noqa: DTZ001, S608 - DATETIME has no zone; the names are our own
"""GoogleSQL through Google's client: values as BigQuery's documentation gives them, and refusals by name."""

import datetime
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from localcloud.cloud import LocalCloud

Run = Callable[..., list[tuple[Any, ...]]]
UTC = datetime.UTC


def moment(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


VALUES: dict[str, list[tuple[str, Any]]] = {
    "numbers": [
        ("1/2", 0.5),
        ("DIV(-7, 2)", -3),
        ("MOD(-7, 2)", -1),
        ("SAFE_DIVIDE(1, 0)", None),
        ("7 * 3000000000", 21000000000),
        ("2147483647 + 1", 2147483648),
        ("0x1F", 31),
        ("ROUND(2.5)", 3.0),
        ("ROUND(-2.5)", -3.0),
        ("ROUND(1.234, 2)", 1.23),
        ("TRUNC(-2.7)", -2.0),
        ("CEIL(1.2)", 2.0),
        ("FLOOR(-1.2)", -2.0),
        ("POW(2, 10)", 1024.0),
        ("LOG(8, 2)", 3.0),
        ("LN(1)", 0.0),
        ("SIGN(-2)", -1),
        ("5 ^ 1", 4),
        ("~1", -2),
        ("1 << 3", 8),
        ("GREATEST(1, 3, 2)", 3),
        ("GREATEST(1, NULL)", None),
        ("LEAST(1, 3)", 1),
        ("IEEE_DIVIDE(1, 0)", math.inf),
        ("SAFE_ADD(9223372036854775807, 1)", None),
        ("NUMERIC '1.5' * 2", Decimal("3")),
        ("CAST(1.25 AS NUMERIC)", Decimal("1.25")),
    ],
    "texts": [
        ("CONCAT('a', 'b')", "ab"),
        ("CONCAT('a', NULL)", None),
        ("'a' || 'b'", "ab"),
        ("SUBSTR('hello', 0, 2)", "he"),
        ("SUBSTR('hello', -3, 2)", "ll"),
        ("SUBSTR('abc', -5, 2)", "ab"),
        ("SUBSTR('abc', 2)", "bc"),
        ("LENGTH('äb')", 2),
        ("BYTE_LENGTH('äb')", 3),
        ("LENGTH(b'abc')", 3),
        ("LPAD('7', 3, '0')", "007"),
        ("RPAD('a', 2)", "a "),
        ("TRIM('\\t a ')", "a"),
        ("TRIM('xxaxx', 'x')", "a"),
        ("UPPER('a')", "A"),
        ("REPLACE('aba', 'a', 'c')", "cbc"),
        ("STRPOS('abc', 'c')", 3),
        ("STARTS_WITH('abc', 'ab')", True),
        ("ENDS_WITH('abc', 'ab')", False),
        ("SPLIT('a,b')", ["a", "b"]),
        ("REVERSE('abc')", "cba"),
        ("LEFT('abc', 2)", "ab"),
        ("RIGHT('abc', 2)", "bc"),
        ("REPEAT('ab', 2)", "abab"),
        ("FORMAT('%03d-%s-%.2f', 7, 'x', 1.5)", "007-x-1.50"),
        ("'a%b' LIKE 'a\\\\%b'", True),
        ("'axb' LIKE 'a\\\\%b'", False),
        ("'abc' LIKE 'a%'", True),
        ("r'\\d'", "\\d"),
        ("'it\\'s'", "it's"),
        ("TO_HEX(MD5('a'))", "0cc175b9c0f1b6a831c399e269772661"),
        ("TO_BASE64(b'ab')", "YWI="),
        ("FROM_HEX('6162')", b"ab"),
        ("TO_HEX(SHA256('a'))", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ],
    "regular expressions": [
        ("REGEXP_CONTAINS('room-12', r'\\d+$')", True),
        ("REGEXP_EXTRACT('room-12', r'-(\\d+)')", "12"),
        ("REGEXP_EXTRACT('room-12', r'[a-z]+')", "room"),
        ("REGEXP_EXTRACT('room', r'\\d')", None),
        ("REGEXP_REPLACE('a1b2', r'\\d', '_')", "a_b_"),
        ("REGEXP_REPLACE('ab', r'(a)(b)', r'\\2\\1')", "ba"),
        ("REGEXP_EXTRACT_ALL('a1b22', r'\\d+')", ["1", "22"]),
    ],
    "conditions": [
        ("IF(NULL, 1, 2)", 2),
        ("IFNULL(NULL, 1)", 1),
        ("COALESCE(NULL, NULL, 3)", 3),
        ("NULLIF(1, 1)", None),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
        ("3 BETWEEN 1 AND 3", True),
        ("NULL IS NULL", True),
        ("1 IN (1, 2)", True),
        ("NULL IN (1, 2)", None),
        ("2 IN UNNEST([1, 2])", True),
        ("3 IN UNNEST([1, 2])", False),
        ("NULL = NULL", None),
        ("1 IS DISTINCT FROM NULL", True),
        ("NOT TRUE OR TRUE", True),
    ],
    "casts": [
        ("CAST('12' AS INT64)", 12),
        ("CAST(2.5 AS INT64)", 3),
        ("CAST(-2.5 AS INT64)", -3),
        ("CAST(1.0 AS STRING)", "1"),
        ("CAST(0.1 AS STRING)", "0.1"),
        ("CAST(1e15 AS STRING)", "1e+15"),
        ("CAST(TRUE AS STRING)", "true"),
        ("CAST('True' AS BOOL)", True),
        ("CAST(TRUE AS INT64)", 1),
        ("SAFE_CAST('x' AS INT64)", None),
        ("SAFE_CAST('1.5' AS INT64)", None),
        ("SAFE_CAST('x' AS FLOAT64)", None),
        ("CAST('1e3' AS FLOAT64)", 1000.0),
        ("CAST('2024-02-29' AS DATE)", datetime.date(2024, 2, 29)),
        ("SAFE_CAST('2023-02-29' AS DATE)", None),
        ("CAST(TIMESTAMP '2024-01-01 00:00:00.12' AS STRING)", "2024-01-01 00:00:00.120+00"),
        ("CAST('ab' AS BYTES)", b"ab"),
        ("CAST(NUMERIC '1.50' AS STRING)", "1.5"),
        ("CAST(DATE '2024-01-02' AS TIMESTAMP)", moment(2024, 1, 2)),
    ],
    "timestamps": [
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-05-06 07:08:09', HOUR)", moment(2024, 5, 6, 7)),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-05-08', WEEK)", moment(2024, 5, 5)),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-05-08', WEEK(MONDAY))", moment(2024, 5, 6)),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-06-01 23:30:00', DAY, 'Europe/Berlin')", moment(2024, 6, 1, 22)),
        ("TIMESTAMP_DIFF(TIMESTAMP '2024-01-01 00:01:00', TIMESTAMP '2024-01-01 00:00:01', MINUTE)", 0),
        ("TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL 90 MINUTE)", moment(2024, 1, 1, 1, 30)),
        ("TIMESTAMP '2024-01-02' - INTERVAL 1 DAY", moment(2024, 1, 1)),
        ("EXTRACT(HOUR FROM TIMESTAMP '2024-06-01 22:00:00' AT TIME ZONE 'Europe/Berlin')", 0),
        ("EXTRACT(MICROSECOND FROM TIMESTAMP '2024-01-01 00:00:01.000005')", 5),
        ("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5')", -1),
        ("TIMESTAMP_MILLIS(1500)", moment(1970, 1, 1, 0, 0, 1, 500000)),
        ("FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E3SZ', TIMESTAMP '2024-01-02 03:04:05.678')", "2024-01-02T03:04:05.678Z"),
        ("PARSE_TIMESTAMP('%Y-%m-%d %H:%M:%E*S', '2024-01-02 03:04:05.5')", moment(2024, 1, 2, 3, 4, 5, 500000)),
        ("TIMESTAMP('2024-01-01 00:00:00', 'Europe/Berlin')", moment(2023, 12, 31, 23)),
        ("TIMESTAMP_BUCKET(TIMESTAMP '2024-01-01 00:07:00', INTERVAL 5 MINUTE)", moment(2024, 1, 1, 0, 5)),
        ("STRING(TIMESTAMP '2024-01-01')", "2024-01-01 00:00:00+00"),
    ],
    "dates and times": [
        ("DATE(TIMESTAMP '2024-06-01 23:00:00', 'Europe/Berlin')", datetime.date(2024, 6, 2)),
        ("DATE(2024, 2, 29)", datetime.date(2024, 2, 29)),
        ("DATE_TRUNC(DATE '2024-05-08', WEEK)", datetime.date(2024, 5, 5)),
        ("DATE_TRUNC(DATE '2024-05-08', MONTH)", datetime.date(2024, 5, 1)),
        ("DATE_DIFF(DATE '2024-05-05', DATE '2024-05-04', WEEK)", 1),
        ("DATE_DIFF(DATE '2024-02-01', DATE '2024-01-31', MONTH)", 1),
        ("DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)", datetime.date(2024, 2, 29)),
        ("EXTRACT(DAYOFWEEK FROM DATE '2024-05-05')", 1),
        ("EXTRACT(WEEK FROM DATE '2024-01-06')", 0),
        ("EXTRACT(ISOWEEK FROM DATE '2024-01-07')", 1),
        ("LAST_DAY(DATE '2024-02-03')", datetime.date(2024, 2, 29)),
        ("DATETIME(TIMESTAMP '2024-01-01', 'Asia/Tokyo')", datetime.datetime(2024, 1, 1, 9)),
        ("DATETIME(2024, 1, 2, 3, 4, 5)", datetime.datetime(2024, 1, 2, 3, 4, 5)),
        ("DATETIME_DIFF(DATETIME '2024-01-02T00:00:00', DATETIME '2024-01-01T23:59:59', DAY)", 1),
        ("TIME(1, 2, 3)", datetime.time(1, 2, 3)),
        ("FORMAT_DATE('%A %d %b', DATE '2024-01-01')", "Monday 01 Jan"),
        ("PARSE_DATE('%d/%m/%Y', '02/01/2024')", datetime.date(2024, 1, 2)),
        ("TIME_ADD(TIME '23:30:00', INTERVAL 1 HOUR)", datetime.time(0, 30)),
        ("UNIX_DATE(DATE '1970-01-05')", 4),
    ],
    "arrays and structs": [
        ("[1, 2][OFFSET(0)]", 1),
        ("[1, 2][ORDINAL(2)]", 2),
        ("[1][SAFE_OFFSET(5)]", None),
        ("[1, 2][1]", 2),
        ("ARRAY_LENGTH([1, 2])", 2),
        ("ARRAY_TO_STRING(['a', NULL, 'b'], '-')", "a-b"),
        ("ARRAY_TO_STRING(['a', NULL], '-', '?')", "a-?"),
        ("ARRAY_CONCAT([1], [2])", [1, 2]),
        ("ARRAY_CONCAT([1], NULL)", []),
        ("GENERATE_ARRAY(1, 7, 3)", [1, 4, 7]),
        ("ARRAY(SELECT x * 2 FROM UNNEST([3, 1]) AS x ORDER BY x)", [2, 6]),
        ("ARRAY_REVERSE([1, 2])", [2, 1]),
        ("STRUCT(1 AS a, 'x' AS b)", {"a": 1, "b": "x"}),
        ("STRUCT(1 AS a, 'x' AS b).b", "x"),
        ("STRUCT<x INT64, y STRING>(1, 'b')", {"x": 1, "y": "b"}),
        ("STRUCT(1, 2)", {"_field_1": 1, "_field_2": 2}),
        ("[STRUCT(1 AS a), STRUCT(2)]", [{"a": 1}, {"a": 2}]),
        ("ARRAY_LENGTH(GENERATE_DATE_ARRAY('2024-01-01', '2024-01-31'))", 31),
    ],
    "JSON": [
        ("""JSON_VALUE('{"a": {"b": 1}}', '$.a.b')""", "1"),
        ("""JSON_VALUE(JSON '{"a": {"b": 1}}', '$.a')""", None),
        ("""JSON_VALUE('{', '$.a')""", None),
        ("""JSON_VALUE(JSON '{"a b": [true]}', "$['a b'][0]")""", "true"),
        ("""JSON_QUERY(JSON '{"a": {"b": 1}}', '$.a')""", {"b": 1}),
        ("""JSON_VALUE_ARRAY('["a", 1]')""", ["a", "1"]),
        ("""JSON_QUERY_ARRAY(JSON '{"a": [1, {}]}', '$.a')""", [1, {}]),
        ("""PARSE_JSON('{"a": {"b": 1}}').a.b""", 1),
        ("""PARSE_JSON('{"a": 1}')['a']""", 1),
        ("""INT64(JSON '5')""", 5),
        ("""FLOAT64(JSON '1.5')""", 1.5),
        ("""BOOL(JSON 'true')""", True),
        ("""STRING(JSON '"x"')""", "x"),
        ("""JSON_TYPE(JSON '[1]')""", "array"),
        ("""JSON_TYPE(JSON '1')""", "number"),
        ("""TO_JSON_STRING(STRUCT(1 AS a, ['x'] AS b))""", '{"a":1,"b":["x"]}'),
        ("""TO_JSON_STRING(TIMESTAMP '2024-01-01')""", '"2024-01-01T00:00:00Z"'),
        ("""PARSE_JSON('{"a": [1, 2]}')""", {"a": [1, 2]}),
    ],
}


@pytest.mark.parametrize("topic", VALUES)
def test_expressions_have_the_values_of_the_documentation(topic: str, run: Run) -> None:
    expressions = [sql for sql, _ in VALUES[topic]]
    (row,) = run(f"SELECT {', '.join(f'{sql} AS c{i}' for i, sql in enumerate(expressions))}")
    assert dict(zip(expressions, row, strict=True)) == dict(VALUES[topic])


def test_nan_and_infinity_arrive(run: Run) -> None:
    ((nan, low),) = run("SELECT CAST('nan' AS FLOAT64), CAST('-inf' AS FLOAT64)")
    assert math.isnan(nan)
    assert low == -math.inf


@pytest.fixture
def readings(run: Run) -> Run:
    """Four readings of two devices, in the table `readings`."""
    run("CREATE TABLE readings (device STRING, ts TIMESTAMP, v FLOAT64, tags ARRAY<STRING>, payload JSON)")
    run(
        """INSERT INTO readings (device, ts, v, tags, payload) VALUES
        ('a', TIMESTAMP '2024-01-01 00:00:00', 1.0, ['x', 'y'], JSON '{"t": 20.5, "dev": {"id": 1}}'),
        ('a', TIMESTAMP '2024-01-01 00:10:00', 3.0, [], JSON '{"t": 21.5}'),
        ('b', TIMESTAMP '2024-01-01 00:20:00', 5.0, ['z'], NULL),
        ('b', TIMESTAMP '2024-01-01 01:30:00', NULL, ['z'], NULL)"""
    )
    return run


def test_aggregations(readings: Run) -> None:
    rows = readings(
        """SELECT device, COUNT(*) AS n, COUNT(v), COUNT(DISTINCT v), SUM(v), AVG(v), COUNTIF(v > 2), MIN(ts),
        MAX_BY(v, ts), ANY_VALUE(device), LOGICAL_OR(v > 2), SUM(v) / COUNT(*),
        ARRAY_AGG(v IGNORE NULLS ORDER BY v DESC LIMIT 1),
        STRING_AGG(CAST(v AS STRING), '-' ORDER BY v DESC), APPROX_COUNT_DISTINCT(v)
        FROM readings GROUP BY device HAVING n > 1 ORDER BY device"""
    )
    start = moment(2024, 1, 1)
    assert rows == [
        ("a", 2, 2, 2, 4.0, 2.0, 1, start, 3.0, "a", True, 2.0, [3.0], "3-1", 2),
        ("b", 2, 1, 1, 5.0, 5.0, 1, moment(2024, 1, 1, 0, 20), None, "b", True, 2.5, [5.0], "5", 1),
    ]


def test_statistics_and_quantiles(readings: Run) -> None:
    rows = readings("SELECT STDDEV(v), VAR_POP(v), CORR(v, v), APPROX_QUANTILES(v, 2)[OFFSET(1)] FROM readings")
    assert rows == [(2.0, pytest.approx(8 / 3), pytest.approx(1.0), 3.0)]


def test_the_sum_of_integers_is_an_integer(run: Run) -> None:
    assert run("SELECT SUM(x), SUM(x) / 2, SUM(DISTINCT x) FROM UNNEST([1, 2, 2]) AS x") == [(5, 2.5, 3)]


def test_windows(readings: Run) -> None:
    rows = readings(
        """SELECT device, ROW_NUMBER() OVER (PARTITION BY device ORDER BY ts DESC) AS r, LAG(v) OVER w,
        LEAD(v, 1, 0.0) OVER w, FIRST_VALUE(v IGNORE NULLS) OVER w,
        SUM(v) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
        PERCENTILE_CONT(v, 0.5) OVER (PARTITION BY device)
        FROM readings WINDOW w AS (PARTITION BY device ORDER BY ts) ORDER BY device, r"""
    )
    assert rows == [
        ("a", 1, 1.0, 0.0, 1.0, 4.0, 2.0),
        ("a", 2, None, 3.0, 1.0, 1.0, 2.0),
        ("b", 1, 5.0, 0.0, 5.0, 5.0, 5.0),
        ("b", 2, None, None, 5.0, 5.0, 5.0),
    ]


def test_the_newest_row_of_each_device_by_qualify_and_by_array_agg(readings: Run) -> None:
    newest = [("a", moment(2024, 1, 1, 0, 10)), ("b", moment(2024, 1, 1, 1, 30))]
    qualified = "SELECT device, ts FROM readings QUALIFY ROW_NUMBER() OVER (PARTITION BY device ORDER BY ts DESC) = 1"
    assert readings(f"{qualified} ORDER BY device") == newest
    aggregated = "ARRAY_AGG(STRUCT(ts, v) ORDER BY ts DESC LIMIT 1)[OFFSET(0)].ts"
    assert readings(f"SELECT device, {aggregated} FROM readings GROUP BY device ORDER BY device") == newest


def test_joins_subqueries_and_sets(readings: Run) -> None:
    assert readings(
        """WITH names AS (SELECT 'a' AS device, 'Alpha' AS name UNION ALL SELECT 'c', 'Gamma')
        SELECT names.name, COUNT(r.ts) FROM names LEFT JOIN readings AS r USING (device) GROUP BY name ORDER BY name"""
    ) == [("Alpha", 2), ("Gamma", 0)]
    assert readings(
        """SELECT DISTINCT device FROM readings r WHERE v > (SELECT AVG(v) FROM readings)
        AND EXISTS (SELECT 1 FROM readings o WHERE o.device = r.device AND o.v IS NULL)"""
    ) == [("b",)]
    assert readings("SELECT device FROM readings EXCEPT DISTINCT SELECT 'a'") == [("b",)]


def test_unnest_of_a_column_with_offset_and_left_join(readings: Run) -> None:
    assert readings(
        "SELECT device, tag, o FROM readings, UNNEST(tags) AS tag WITH OFFSET AS o WHERE device = 'a' ORDER BY o"
    ) == [("a", "x", 0), ("a", "y", 1)]
    assert readings("SELECT COUNT(*), COUNT(tag) FROM readings LEFT JOIN UNNEST(tags) AS tag ON TRUE") == [(5, 4)]


def test_json_columns(readings: Run) -> None:
    assert readings(
        """SELECT payload.t, FLOAT64(payload.t), JSON_VALUE(payload, '$.dev.id'), payload.dev.id FROM readings
        WHERE payload IS NOT NULL ORDER BY ts"""
    ) == [(20.5, 20.5, "1", 1), (21.5, 21.5, None, None)]


def test_rollups_by_hour(readings: Run) -> None:
    assert readings(
        "SELECT TIMESTAMP_TRUNC(ts, HOUR) AS hour, COUNT(*) AS n FROM readings GROUP BY hour ORDER BY hour"
    ) == [(moment(2024, 1, 1, 0), 3), (moment(2024, 1, 1, 1), 1)]


def test_stars_except_and_replace(readings: Run) -> None:
    rows = readings("SELECT * EXCEPT (ts, tags, payload) REPLACE (UPPER(device) AS device) FROM readings ORDER BY v")
    assert rows[:2] == [("B", None), ("A", 1.0)]  # NULL is the smallest


def test_result_columns_have_the_names_bigquery_gives(client: bigquery.Client) -> None:
    rows = client.query_and_wait("SELECT 1, 2 AS two, COUNT(*), STRUCT(3 AS x).x FROM UNNEST([1])")
    assert [field.name for field in rows.schema] == ["f0_", "two", "f1_", "x"]
    with pytest.raises(exceptions.BadRequest, match="Duplicate column names"):
        client.query_and_wait("SELECT 1 AS a, 2 AS A")


def test_the_clock_of_the_cloud_is_the_time_of_queries(cloud: LocalCloud, run: Run) -> None:
    cloud.clock.advance(86_400)
    ((now, today),) = run("SELECT CURRENT_TIMESTAMP(), CURRENT_DATE")
    assert abs(now.timestamp() - cloud.clock.time()) < 60
    assert today == now.date()


def test_named_and_positional_parameters(run: Run) -> None:
    scalar, array = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter
    assert run(
        "SELECT @n + 1, @Text, @ts, @nothing, '?', 2 IN UNNEST(@list), @point.x",
        scalar("n", "INT64", 41),
        scalar("text", "STRING", "it's ?"),
        scalar("ts", "TIMESTAMP", moment(2024, 1, 2, 3)),
        scalar("nothing", "FLOAT64", None),
        array("list", "INT64", [1, 2]),
        bigquery.StructQueryParameter("point", scalar("x", "FLOAT64", 1.5)),
    ) == [(42, "it's ?", moment(2024, 1, 2, 3), None, "?", True, 1.5)]
    assert run(
        "SELECT x FROM UNNEST([5, 6, 7]) AS x WHERE x > ? ORDER BY x LIMIT ?",
        scalar(None, "INT64", 5),
        scalar(None, "INT64", 1),
    ) == [(6,)]
    with pytest.raises(exceptions.BadRequest, match="'missing' not found"):
        run("SELECT @missing")


REFUSED = [
    ("SELEC 1", "Syntax error"),
    ("SELECT 'open", "Syntax error"),
    ("SELECT 1; SELECT 2", "scripts"),
    ("DECLARE x INT64", "DECLARE"),
    ("SELECT nope FROM UNNEST([1]) AS x", "Unrecognized name: nope"),
    ("SELECT NOSUCH(1)", "Function not found: NOSUCH"),
    ("SELECT ST_GEOGPOINT(1, 2)", "ST_GEOGPOINT"),
    ("SELECT * FROM read_csv('/etc/passwd')", "READ_CSV"),
    ("SELECT read_text('/etc/passwd')", "READ_TEXT"),
    ("SELECT * FROM t", "must be qualified|Not found: Table"),
    ("SELECT * FROM d.INFORMATION_SCHEMA.TABLES", "INFORMATION_SCHEMA"),
    ("SELECT * FROM `d.events_*`", "wildcard"),
    ("SELECT 1/0", "division by zero"),
    ("SELECT MOD(1, 0)", "division by zero"),
    ("SELECT 9223372036854775807 + 1", "[Oo]verflow"),
    ("SELECT CAST('1.5' AS INT64)", "Bad int64 value: 1.5"),
    ("SELECT CAST('maybe' AS BOOL)", "Bad bool value: maybe"),
    ("SELECT DATE '2024-13-01'", "2024-13-01"),
    ("SELECT [1][OFFSET(1)]", "Array index 1 is out of bounds"),
    ("SELECT DATE '2024-01-02' - DATE '2024-01-01'", "DATE_DIFF"),
    ("SELECT ABS()", "No matching signature for function ABS"),
    ("SELECT TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL 1 MONTH)", "TIMESTAMP_ADD"),
    ("SELECT FORMAT_DATE('%Q', DATE '2024-01-01')", "%Q"),
    ("SELECT JSON_VALUE('{}', '$..a')", "JSONPath"),
    ("SELECT REGEXP_EXTRACT('a', '(a)(b)?')", "capturing group"),
    ("SELECT * FROM UNNEST([STRUCT(1 AS a)])", "name the columns"),
    ("SELECT [STRUCT(1 AS a), STRUCT(2 AS b)]", "different field names"),
    ("SELECT x, COUNT(*) FROM UNNEST([1]) AS x", "neither grouped nor aggregated"),
    ("SELECT [1, NULL]", "null element"),
    ("SELECT * FROM UNNEST([1]) AS x TABLESAMPLE SYSTEM (10 PERCENT)", "TABLESAMPLE|Syntax"),
    ("SELECT SESSION_USER()", "SESSION_USER"),
    ("SELECT 1 UNION SELECT 2", "DISTINCT or ALL"),
    ("SELECT APPROX_TOP_COUNT(x, 1) FROM UNNEST([1]) AS x", "APPROX_TOP_COUNT"),
    ("SELECT LENGTH(DISTINCT 'a')", "DISTINCT"),
]


@pytest.mark.parametrize(("sql", "reason"), REFUSED)
def test_what_cannot_be_answered_exactly_is_refused_by_name(client: bigquery.Client, sql: str, reason: str) -> None:
    with pytest.raises((exceptions.BadRequest, exceptions.NotFound), match=reason) as caught:
        list(client.query_and_wait(sql))
    assert caught.value.errors[0]["reason"] in ("invalidQuery", "notFound")
