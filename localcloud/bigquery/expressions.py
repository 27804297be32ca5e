"""GoogleSQL expressions as DuckDB expressions: what each kind of node becomes, once its parts have been translated."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.functions import FUNCTIONS, Tree, built, call, cast, number, part, text
from localcloud.bigquery.literals import date_days, datetime_micros, time_micros, timestamp_micros
from localcloud.bigquery.times import TIMES, extracted, interval, zoned

_KNOWN = {**FUNCTIONS, **TIMES}
_AGGREGATES = frozenset(
    (
        "COUNT", "COUNTIF", "SUM", "AVG", "MIN", "MAX", "ANY_VALUE", "ARRAY_AGG", "STRING_AGG", "LOGICAL_AND",
        "LOGICAL_OR", "STDDEV", "STDDEV_SAMP", "STDDEV_POP", "VARIANCE", "VAR_SAMP", "VAR_POP", "BIT_AND", "BIT_OR",
        "BIT_XOR", "ARRAY_CONCAT_AGG", "APPROX_COUNT_DISTINCT", "APPROX_QUANTILES",
    )
)  # fmt: skip
_NULLS_IGNORED = frozenset(("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"))
_COUNTED = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Alias, exp.Select, exp.Array, exp.PropertyEQ)


def unsupported_node(node: Tree) -> Exception:
    return invalid_query(f"localcloud does not support {type(node).__name__}: {node.sql('bigquery')[:200]}")


# Literals


def _literal(node: Tree) -> Tree:
    """A number with a point is a FLOAT64, one without an INT64 where arithmetic could overflow less."""
    if node.is_string:
        return node
    if not node.this.isdigit():
        return exp.Literal.number(node.this if "e" in node.this.lower() else f"{node.this}e0")
    return cast(node, "BIGINT") if isinstance(node.parent, _COUNTED) else node


def _hex_string(node: Tree) -> Tree:
    return cast(number(int(node.this, 16)), "BIGINT")


def _raw_string(node: Tree) -> Tree:
    return text(node.this)


def _byte_string(node: Tree) -> Tree:
    if not node.this.isascii():
        raise invalid_query("localcloud does not support bytes above 127 in a literal: use FROM_HEX")
    return call("unhex", text(node.this.encode().hex()))


def _json_literal(node: Tree) -> Tree:
    return call("json", node.this)


def _interval(node: Tree) -> Tree:
    unit = node.args.get("unit")
    if not isinstance(unit, exp.Var):
        raise unsupported_node(node)
    try:
        value = number(int(node.this.this)) if isinstance(node.this, exp.Literal) else node.this
    except ValueError:
        raise unsupported_node(node) from None
    return interval(value, unit.name.upper())


def _struct(node: Tree) -> Tree:
    """A STRUCT without names is a row, which takes the names of what it meets by position."""
    if not any(isinstance(each, exp.PropertyEQ | exp.Column) for each in node.expressions):
        return call("row", *node.expressions)
    members = []
    for index, each in enumerate(node.expressions):
        named = isinstance(each, exp.PropertyEQ)
        name = each.this.name if named else each.name if isinstance(each, exp.Column) else f"_field_{index + 1}"
        value = each.expression if named else each
        members.append(exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=value))
    return exp.Struct(expressions=members)


def _array(node: Tree) -> Tree:
    """Elements that are STRUCTs must agree on names: DuckDB would merge them by name, BigQuery by position."""
    names = {tuple(m.this.name for m in each.expressions) for each in node.expressions if isinstance(each, exp.Struct)}
    if len(names) > 1:
        raise invalid_query("localcloud does not support an ARRAY of STRUCTs with different field names")
    return node


# Casts

_OWN_CASTS = {"BIGINT": "int64", "BOOLEAN": "bool"}
_LITERALS: dict[str, Callable[[str], Any]] = {
    "DATE": date_days,
    "TIME": time_micros,
    "TIMESTAMP": datetime_micros,
    "TIMESTAMPTZ": timestamp_micros,
}
_TYPES = {
    "BIGINT": "BIGINT", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN", "TEXT": "VARCHAR", "BINARY": "BLOB", "DATE": "DATE",
    "TIME": "TIME", "TIMESTAMP": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMPTZ", "JSON": "JSON",
}  # fmt: skip


def _cast(node: Tree) -> Tree:
    return _converted(node, safe=False)


def _safe_cast(node: Tree) -> Tree:
    return _converted(node, safe=True)


def _converted(node: Tree, safe: bool) -> Tree:
    """CAST and SAFE_CAST, with BigQuery's rounding, texts and failures."""
    kind = node.args["to"].this.name
    if node.args.get("format"):
        raise invalid_query("localcloud does not support CAST with FORMAT")
    if kind in _OWN_CASTS:
        return call(f"bq_{'safe_' if safe else ''}{_OWN_CASTS[kind]}", node.this)
    if kind == "TEXT":
        return call("bq_string", node.this)
    if kind == "BINARY":
        return call("encode", node.this)
    if kind in _LITERALS and isinstance(node.this, exp.Literal) and node.this.is_string and not safe:
        _check_literal(kind, node.this.this)
    converted = exp.TryCast if safe else exp.Cast
    return converted(this=node.this, to=exp.DataType.build(_type(node.args["to"]), dialect="duckdb"))


def _check_literal(kind: str, value: str) -> None:
    try:
        _LITERALS[kind](value)
    except ValueError as error:
        raise invalid_query(f"Could not cast literal: {error}") from error


def _type(kind: Tree) -> str:
    """DuckDB's name of a type in a cast."""
    name = kind.this.name
    if name == "ARRAY":
        return f"{_type(kind.expressions[0])}[]"
    if name == "STRUCT":
        return f"STRUCT({', '.join(_member_type(each, i) for i, each in enumerate(kind.expressions))})"
    if name == "DECIMAL":
        return "DECIMAL(38, 9)"
    if name not in _TYPES or kind.expressions:
        raise invalid_query(f"localcloud does not support casts to {kind.sql('bigquery')}")
    return _TYPES[name]


def _member_type(each: Tree, index: int) -> str:
    named = isinstance(each, exp.ColumnDef)
    name = each.name if named else f"_field_{index + 1}"
    return f'"{name}" {_type(each.args["kind"] if named else each)}'


# Operators


def _divide(node: Tree) -> Tree:
    return call("bq_divide", node.this, node.expression)


def _minus(node: Tree) -> Tree:
    return call("bq_minus", node.this, node.expression)


def _xor(node: Tree) -> Tree:
    return call("xor", node.this, node.expression)


def _like(node: Tree) -> Tree:
    if not isinstance(node.expression, exp.Literal | exp.Column | exp.Anonymous | exp.Cast):
        raise unsupported_node(node)
    return exp.Escape(this=node, expression=text("\\"))


def _at_time_zone(node: Tree) -> Tree:
    return zoned(node.this, node.args["zone"])


def _extract(node: Tree) -> Tree:
    return extracted(part(node.this), node.expression)


def _in(node: Tree) -> Tree:
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    elements = exp.Select(expressions=[call("unnest", unnest.expressions[0])])
    return exp.In(this=node.this, query=exp.Subquery(this=elements))


def _subscript(node: Tree) -> Tree:
    """`array[OFFSET(n)]` and its kin, and `json['key']`."""
    if len(node.expressions) != 1:
        raise unsupported_node(node)
    index, first = node.expressions[0], node.args.get("offset") or 0
    if isinstance(index, exp.Literal) and index.is_string:
        return call("json_extract", node.this, text(f'$."{index.this}"'))
    position = exp.Sub(this=index, expression=number(first)) if first else index
    return call("bq_safe_offset" if node.args.get("safe") else "bq_offset", node.this, position)


# Functions


def _safe_function(node: Tree) -> Tree:
    return call("try", node.this)


def called(name: str, arguments: list[Tree]) -> Tree:
    """A function, with DISTINCT, IGNORE NULLS, ORDER BY and LIMIT where an aggregate has them."""
    arguments, limit = _peeled(arguments, exp.Limit, -1)
    arguments, order = _peeled(arguments, exp.Order, -1)
    arguments, nulls = _peeled(arguments, exp.IgnoreNulls, 0)
    arguments, distinct = _peeled(arguments, exp.Distinct, 0)
    if (limit or order or distinct) and name not in _AGGREGATES:
        raise invalid_query(f"Function {name} does not support DISTINCT, ORDER BY or LIMIT in arguments")
    if arguments and isinstance(arguments[0], exp.HavingMax):
        return _by_extreme(name, arguments[0])
    first = arguments[0] if arguments else None
    function = built(_KNOWN, name, arguments)
    if distinct:
        function.set("expressions", [exp.Distinct(expressions=[first]), *function.expressions[1:]])
    if order:
        *others, last = function.expressions
        function.set("expressions", [*others, exp.Order(this=last, expressions=order.expressions)])
    if nulls:
        function = _without_nulls(name, function, first)
    return _first_elements(name, function, limit) if limit else function


def _peeled(arguments: list[Tree], kind: type, place: int) -> tuple[list[Tree], Tree]:
    """Arguments without a wrapper such as ORDER BY, and the wrapper."""
    if not arguments or not isinstance(arguments[place], kind):
        return arguments, None
    wrapper = arguments[place]
    inner = list(wrapper.expressions) if kind is exp.Distinct else [wrapper.this]
    return (inner + arguments[1:] if place == 0 else arguments[:-1] + inner), wrapper


def _by_extreme(name: str, having: Tree) -> Tree:
    if name != "ANY_VALUE":
        raise invalid_query(f"localcloud does not support HAVING MAX in {name}")
    return call("arg_max_null" if having.args.get("max") else "arg_min_null", having.this, having.expression)


def _without_nulls(name: str, function: Tree, value: Tree) -> Tree:
    if name in _NULLS_IGNORED:
        return exp.IgnoreNulls(this=function)
    if name != "ARRAY_AGG":
        raise invalid_query(f"localcloud does not support IGNORE NULLS in {name}")
    present = exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))
    return exp.Filter(this=function, expression=exp.Where(this=present))


def _first_elements(name: str, function: Tree, limit: Tree) -> Tree:
    if name != "ARRAY_AGG":
        raise invalid_query(f"localcloud does not support LIMIT in {name}")
    return call("list_slice", function, number(1), limit.expression)


RULES: dict[type, Callable[[Tree], Tree]] = {
    exp.Literal: _literal,
    exp.HexString: _hex_string,
    exp.RawString: _raw_string,
    exp.ByteString: _byte_string,
    exp.ParseJSON: _json_literal,
    exp.Interval: _interval,
    exp.Struct: _struct,
    exp.Array: _array,
    exp.Cast: _cast,
    exp.TryCast: _safe_cast,
    exp.Div: _divide,
    exp.Sub: _minus,
    exp.BitwiseXor: _xor,
    exp.Like: _like,
    exp.AtTimeZone: _at_time_zone,
    exp.Extract: _extract,
    exp.In: _in,
    exp.Bracket: _subscript,
    exp.SafeFunc: _safe_function,
}
