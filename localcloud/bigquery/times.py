"""The date and time functions of GoogleSQL in DuckDB's terms.

https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions and its neighbours
"""

from typing import Any

from sqlglot import exp

from localcloud.bigquery import patterns
from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.functions import Build, Function, Tree, call, cast, literal, number, part, text
from localcloud.bigquery.literals import DAY, SECOND

UNITS = {  # of an INTERVAL: DuckDB's constructor, and the type of its argument
    "MICROSECOND": ("to_microseconds", "BIGINT"),
    "MILLISECOND": ("to_milliseconds", "BIGINT"),
    "SECOND": ("to_seconds", "BIGINT"),
    "MINUTE": ("to_minutes", "BIGINT"),
    "HOUR": ("to_hours", "BIGINT"),
    "DAY": ("to_days", "INTEGER"),
    "WEEK": ("to_weeks", "INTEGER"),
    "MONTH": ("to_months", "INTEGER"),
    "QUARTER": ("to_quarters", "INTEGER"),
    "YEAR": ("to_years", "INTEGER"),
}
_MICROS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1000,
    "SECOND": SECOND,
    "MINUTE": 60 * SECOND,
    "HOUR": 3600 * SECOND,
    "DAY": DAY,
}
_CLOCK_PARTS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")
_DATE_PARTS = ("DAY", "MONTH", "QUARTER", "YEAR")
_WEEKS = ("ISOWEEK", "WEEK(MONDAY)")
_SUNDAYS = ("WEEK", "WEEK(SUNDAY)")
_PLAIN_EXTRACTS = {
    **{unit: unit.lower() for unit in ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "ISOYEAR")},
    "DAYOFYEAR": "doy",
    "ISOWEEK": "week",
}


def interval(value: Tree, unit: str) -> Tree:
    """`INTERVAL value unit`."""
    if unit not in UNITS:
        raise invalid_query(f"localcloud does not support intervals in {unit}")
    name, kind = UNITS[unit]
    return call(name, cast(value, kind))


def extracted(unit: str, value: Tree) -> Tree:
    """`EXTRACT(unit FROM value)`."""
    if unit in _PLAIN_EXTRACTS:
        return call("date_part", text(_PLAIN_EXTRACTS[unit]), value)
    if unit in ("MILLISECOND", "MICROSECOND"):
        per_second = number(1000 if unit == "MILLISECOND" else SECOND)
        return call("bq_mod", call("date_part", text(unit.lower()), value), per_second)
    if unit == "DAYOFWEEK":
        return exp.Paren(this=exp.Add(this=call("date_part", text("dow"), value), expression=number(1)))
    if unit in (*_SUNDAYS, "WEEK(MONDAY)"):
        form = "%W" if unit == "WEEK(MONDAY)" else "%U"
        return cast(call("strftime", value, text(form)), "BIGINT")
    if unit in ("DATE", "TIME", "DATETIME"):
        return cast(value, "TIMESTAMP" if unit == "DATETIME" else unit)
    raise invalid_query(f"localcloud does not support EXTRACT({unit} FROM ...)")


def zoned(value: Tree, zone: Tree) -> Tree:
    """`value AT TIME ZONE zone`: a local DATETIME."""
    return call("bq_datetime_in", value, zone)


def _truncated(kind: str, parts: tuple[str, ...]) -> Build:
    def build(value: Tree, unit: Tree, zone: Tree = None) -> Tree:
        name = part(unit)
        if zone is not None:
            if kind != "timestamp" or name in _SUNDAYS:
                raise invalid_query(f"localcloud does not truncate to {name} in a time zone")
            return call("bq_timestamp_trunc_in", text(_trunc_part(name, parts)), value, zone)
        if name in _SUNDAYS and kind != "datetime":
            return call(f"bq_{kind}_sunday", value)
        if name in _SUNDAYS:
            return call("bq_sunday", value)
        return call(f"bq_{kind}_trunc", text(_trunc_part(name, parts)), value)

    return build


def _trunc_part(name: str, parts: tuple[str, ...]) -> str:
    if name in _WEEKS:
        return "week"
    if name not in parts:
        raise invalid_query(f"A valid date part is required but found {name} (or not supported by localcloud)")
    return name.lower()


def _difference(a: Tree, b: Tree, unit: Tree) -> Tree:
    """DATE_DIFF and DATETIME_DIFF count the boundaries between both."""
    name = part(unit)
    if name in _SUNDAYS:
        return call("bq_week_diff", a, b)
    if name in _WEEKS:
        return call("bq_isoweek_diff", a, b)
    if name not in (*_DATE_PARTS, *_CLOCK_PARTS):
        raise invalid_query(f"localcloud does not support differences in {name}")
    return call("date_diff", text(name.lower()), b, a)


def _timestamp_difference(a: Tree, b: Tree, unit: Tree) -> Tree:
    """TIMESTAMP_DIFF counts whole units."""
    name = part(unit)
    if name not in _MICROS:
        raise invalid_query(f"TIMESTAMP_DIFF does not support the {name} date part")
    return call("bq_micros_diff", a, b, number(_MICROS[name]))


def _moved(name: str, units: tuple[str, ...]) -> Build:
    allowed = {UNITS[unit][0] for unit in units}

    def build(value: Tree, step: Tree) -> Tree:
        if not (isinstance(step, exp.Anonymous) and step.name in allowed):
            raise invalid_query(f"{name.upper()} takes an INTERVAL in one of {', '.join(units)}")
        return call(f"bq_{name}", value, step)

    return build


def _formatted(kind: str) -> Build:
    def build(form: Tree, value: Tree, zone: Tree = None) -> Tree:
        output = text(patterns.output_format(literal(form, "a time format"), kind == "timestamp" and zone is None))
        if kind == "time":
            return call("bq_format_time", value, output)
        return call("bq_format", zoned(value, zone) if zone is not None else value, output)

    return build


def _parsed(kind: str) -> Build:
    def build(form: Tree, value: Tree, zone: Tree = None) -> Tree:
        first, second = patterns.input_formats(literal(form, "a time format"), dated=kind != "TIME")
        parsed = call("bq_parse", value, text(first), text(second))
        return cast(parsed, kind) if zone is None else call("bq_timestamp_in", parsed, zone)

    return build


def _date(value: Tree, second: Tree = None, day: Tree = None) -> Tree:
    if day is not None:
        return call("make_date", value, second, day)
    return call("bq_date_in", value, second) if second is not None else cast(value, "DATE")


def _datetime(*arguments: Tree) -> Tree:
    if len(arguments) == 6:
        *rest, second = arguments
        return call("make_timestamp", *rest, cast(second, "DOUBLE"))
    if len(arguments) == 2 and isinstance(arguments[1], exp.Literal):
        return zoned(*arguments)
    if len(arguments) == 2:
        return exp.Paren(this=exp.Add(this=cast(arguments[0], "DATE"), expression=cast(arguments[1], "TIME")))
    if len(arguments) == 1:
        return cast(arguments[0], "TIMESTAMP")
    raise invalid_query("No matching signature for function DATETIME")


def _timestamp(value: Tree, zone: Tree = None) -> Tree:
    return call("bq_timestamp_in", value, zone) if zone is not None else cast(value, "TIMESTAMPTZ")


def _time(value: Tree, second: Tree = None, third: Tree = None) -> Tree:
    if third is not None:
        return call("make_time", value, second, cast(third, "DOUBLE"))
    return call("bq_time_in", value, second) if second is not None else cast(value, "TIME")


def _last_day(value: Tree, unit: Tree = None) -> Tree:
    if unit is not None and part(unit) != "MONTH":
        raise invalid_query("localcloud supports LAST_DAY of a MONTH only")
    return call("bq_last_day", value)


def _string(value: Tree, zone: Tree = None) -> Tree:
    if zone is not None:
        raise invalid_query("localcloud does not support STRING(timestamp, time_zone): use FORMAT_TIMESTAMP")
    return call("bq_text_of", value)


def _unix(micros: int) -> Function:
    return Function(lambda value: call("bq_unix", value, number(micros)), 1, 1)


def _from_unix(micros: int) -> Function:
    return Function(lambda value: call("bq_from_unix", value, number(micros)), 1, 1)


_ALL_PARTS = (*_CLOCK_PARTS, *_DATE_PARTS)
_DATE_STEPS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_DATETIME_STEPS = (*_CLOCK_PARTS, *_DATE_STEPS)

TIMES: dict[str, Function] = {
    "DATE": Function(_date, 1, 3),
    "DATETIME": Function(_datetime, 1, 6),
    "TIMESTAMP": Function(_timestamp, 1, 2),
    "TIME": Function(_time, 1, 3),
    "STRING": Function(_string, 1, 2),
    "DATE_TRUNC": Function(_truncated("date", _DATE_PARTS), 2, 2),
    "DATETIME_TRUNC": Function(_truncated("datetime", _ALL_PARTS), 2, 2),
    "TIMESTAMP_TRUNC": Function(_truncated("timestamp", _ALL_PARTS), 2, 3),
    "DATE_DIFF": Function(_difference, 3, 3),
    "DATETIME_DIFF": Function(_difference, 3, 3),
    "TIMESTAMP_DIFF": Function(_timestamp_difference, 3, 3),
    "DATE_ADD": Function(_moved("date_add", _DATE_STEPS), 2, 2),
    "DATE_SUB": Function(_moved("date_sub", _DATE_STEPS), 2, 2),
    "DATETIME_ADD": Function(_moved("datetime_add", _DATETIME_STEPS), 2, 2),
    "DATETIME_SUB": Function(_moved("datetime_sub", _DATETIME_STEPS), 2, 2),
    "TIMESTAMP_ADD": Function(_moved("timestamp_add", (*_CLOCK_PARTS, "DAY")), 2, 2),
    "TIMESTAMP_SUB": Function(_moved("timestamp_sub", (*_CLOCK_PARTS, "DAY")), 2, 2),
    "TIME_ADD": Function(_moved("time_add", _CLOCK_PARTS), 2, 2),
    "TIME_SUB": Function(_moved("time_sub", _CLOCK_PARTS), 2, 2),
    "FORMAT_DATE": Function(_formatted("date"), 2, 2),
    "FORMAT_DATETIME": Function(_formatted("datetime"), 2, 2),
    "FORMAT_TIMESTAMP": Function(_formatted("timestamp"), 2, 3),
    "FORMAT_TIME": Function(_formatted("time"), 2, 2),
    "PARSE_DATE": Function(_parsed("DATE"), 2, 2),
    "PARSE_DATETIME": Function(_parsed("TIMESTAMP"), 2, 2),
    "PARSE_TIMESTAMP": Function(_parsed("TIMESTAMPTZ"), 2, 3),
    "PARSE_TIME": Function(_parsed("TIME"), 2, 2),
    "LAST_DAY": Function(_last_day, 1, 2),
    "UNIX_SECONDS": _unix(SECOND),
    "UNIX_MILLIS": _unix(1000),
    "UNIX_MICROS": _unix(1),
    "TIMESTAMP_SECONDS": _from_unix(SECOND),
    "TIMESTAMP_MILLIS": _from_unix(1000),
    "TIMESTAMP_MICROS": _from_unix(1),
}


def current(name: str, now: str, zone: Any = None) -> Tree:
    """CURRENT_TIMESTAMP and its kin; `now` is the clock's time as a timestamp literal."""
    moment = cast(text(now), "TIMESTAMPTZ")
    if zone is not None:
        moment = zoned(moment, zone)
    kinds = {"CURRENT_DATE": "DATE", "CURRENT_DATETIME": "TIMESTAMP", "CURRENT_TIME": "TIME"}
    return cast(moment, kinds[name]) if name in kinds else moment
