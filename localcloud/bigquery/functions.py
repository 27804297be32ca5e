"""Every function of GoogleSQL that is known here: its name, how many arguments, and what it is in DuckDB.

A function that is not in this table does not exist, so nothing of DuckDB's own can be reached by accident.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from localcloud.bigquery import patterns
from localcloud.bigquery.errors import invalid_query

Tree = Any
Build = Callable[..., Tree]
MANY = 1000


@dataclass(frozen=True, slots=True)
class Function:
    """`build` makes the DuckDB expression of the translated arguments."""

    build: Build
    fewest: int
    most: int


def call(name: str, *arguments: Tree) -> Tree:
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> Tree:
    return exp.Literal.string(value)


def number(value: int) -> Tree:
    return exp.Literal.number(value)


def cast(tree: Tree, kind: str) -> Tree:
    return exp.Cast(this=tree, to=exp.DataType.build(kind, dialect="duckdb", udt=True))


def literal(tree: Tree, what: str) -> str:
    """The text of a string literal; other expressions cannot be translated here."""
    if not (isinstance(tree, exp.Literal) and tree.is_string):
        raise invalid_query(f"localcloud needs a string literal as {what}")
    return str(tree.this)


def part(tree: Tree) -> str:
    """The name of a date part given as an argument: `DAY`, `WEEK(MONDAY)`."""
    if isinstance(tree, exp.Anonymous):
        return f"{tree.name.upper()}({part(tree.expressions[0])})"
    if isinstance(tree, exp.Column | exp.Var):
        return str(tree.name).upper()
    raise invalid_query(f"A valid date part is required but found {tree.sql()}")


def _to(name: str) -> Build:
    return lambda *arguments: call(name, *arguments)


_SAME = {  # what both call alike, or DuckDB only calls otherwise
    "ABS": ("abs", 1), "ACOS": ("acos", 1), "ACOSH": ("acosh", 1), "ASIN": ("asin", 1), "ASINH": ("asinh", 1),
    "ATAN": ("atan", 1), "ATAN2": ("atan2", 2), "ATANH": ("atanh", 1), "CBRT": ("cbrt", 1), "CEIL": ("ceil", 1),
    "CEILING": ("ceil", 1), "COS": ("cos", 1), "COSH": ("cosh", 1), "EXP": ("exp", 1), "FLOOR": ("floor", 1),
    "IS_INF": ("isinf", 1), "IS_NAN": ("isnan", 1), "LN": ("ln", 1), "LOG10": ("log10", 1), "POW": ("power", 2),
    "POWER": ("power", 2), "RAND": ("random", 0), "SIGN": ("sign", 1), "SIN": ("sin", 1), "SINH": ("sinh", 1),
    "SQRT": ("sqrt", 1), "TAN": ("tan", 1), "TANH": ("tanh", 1), "TRUNC": ("trunc", 1), "BIT_COUNT": ("bit_count", 1),
    "IEEE_DIVIDE": ("bq_ieee_divide", 2), "DIV": ("bq_div", 2), "MOD": ("bq_mod", 2),
    "SAFE_DIVIDE": ("bq_safe_divide", 2),
    "ASCII": ("ascii", 1), "CHR": ("chr", 1), "UNICODE": ("unicode", 1), "LOWER": ("lower", 1), "UPPER": ("upper", 1),
    "REVERSE": ("reverse", 1), "REPEAT": ("repeat", 2), "REPLACE": ("replace", 3), "STARTS_WITH": ("starts_with", 2),
    "ENDS_WITH": ("ends_with", 2), "STRPOS": ("strpos", 2), "INSTR": ("strpos", 2), "LENGTH": ("bq_length", 1),
    "CHAR_LENGTH": ("length", 1), "CHARACTER_LENGTH": ("length", 1), "BYTE_LENGTH": ("bq_byte_length", 1),
    "OCTET_LENGTH": ("bq_byte_length", 1), "LEFT": ("bq_left", 2), "RIGHT": ("bq_right", 2),
    "REGEXP_CONTAINS": ("regexp_matches", 2), "TO_BASE64": ("to_base64", 1), "FROM_BASE64": ("from_base64", 1),
    "FROM_HEX": ("unhex", 1), "IFNULL": ("coalesce", 2), "NULLIF": ("nullif", 2), "ERROR": ("error", 1),
    "ARRAY_LENGTH": ("len", 1), "ARRAY_REVERSE": ("list_reverse", 1), "ARRAY_FIRST": ("bq_array_first", 1),
    "ARRAY_LAST": ("bq_array_last", 1), "GENERATE_TIMESTAMP_ARRAY": ("bq_timestamp_array", 3),
    "TIMESTAMP_BUCKET": ("bq_bucket", 2), "UNIX_DATE": ("bq_unix_date", 1),
    "DATE_FROM_UNIX_DATE": ("bq_from_unix_date", 1), "PARSE_JSON": ("json", 1),
    "TO_JSON_STRING": ("bq_to_json_string", 1), "JSON_TYPE": ("bq_json_type", 1), "INT64": ("bq_json_int64", 1),
    "FLOAT64": ("bq_json_float64", 1), "BOOL": ("bq_json_bool", 1),
    # aggregates and window functions
    "COUNT": ("count", 1), "COUNTIF": ("count_if", 1), "SUM": ("sum", 1), "AVG": ("avg", 1), "MIN": ("min", 1),
    "MAX": ("max", 1), "ANY_VALUE": ("any_value", 1), "APPROX_COUNT_DISTINCT": ("approx_count_distinct", 1),
    "LOGICAL_AND": ("bool_and", 1), "LOGICAL_OR": ("bool_or", 1), "STDDEV": ("stddev_samp", 1),
    "STDDEV_SAMP": ("stddev_samp", 1), "STDDEV_POP": ("stddev_pop", 1), "VARIANCE": ("var_samp", 1),
    "VAR_SAMP": ("var_samp", 1), "VAR_POP": ("var_pop", 1), "CORR": ("corr", 2), "COVAR_POP": ("covar_pop", 2),
    "COVAR_SAMP": ("covar_samp", 2), "MAX_BY": ("arg_max_null", 2), "MIN_BY": ("arg_min_null", 2),
    "BIT_AND": ("bit_and", 1),
    "BIT_OR": ("bit_or", 1), "BIT_XOR": ("bit_xor", 1), "ROW_NUMBER": ("row_number", 0), "RANK": ("rank", 0),
    "DENSE_RANK": ("dense_rank", 0), "PERCENT_RANK": ("percent_rank", 0), "CUME_DIST": ("cume_dist", 0),
    "NTILE": ("ntile", 1), "PERCENTILE_CONT": ("quantile_cont", 2), "PERCENTILE_DISC": ("quantile_disc", 2),
    "GROUPING": ("grouping", 1),
}  # fmt: skip


def _padded(name: str) -> Build:
    return lambda s, n, pad=None: call(name, s, cast(n, "INTEGER"), pad or text(" "))


def _trimmed(name: str) -> Build:
    return lambda s, characters=None: call(name, s, characters or call("bq_spaces"))


def _digest(name: str) -> Build:
    return lambda value: call("unhex", call(name, value))


def _extreme(name: str) -> Build:
    def build(*arguments: Tree) -> Tree:  # NULL if any is
        missing = exp.or_(*(exp.Is(this=each.copy(), expression=exp.Null()) for each in arguments))
        return exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=call(name, *arguments))

    return build


def _concatenated(*arguments: Tree) -> Tree:
    joined = arguments[0]
    for each in arguments[1:]:
        joined = exp.DPipe(this=joined, expression=each, safe=False)
    return exp.Paren(this=joined)


def _array_concat(*arguments: Tree) -> Tree:
    joined = arguments[0]
    for each in arguments[1:]:
        joined = call("bq_array_concat", joined, each)
    return joined


def _regexp_extract(s: Tree, pattern: Tree) -> Tree:
    group = patterns.capturing_group(literal(pattern, "the pattern of REGEXP_EXTRACT"))
    return call("bq_regexp_extract", s, pattern, number(group))


def _regexp_extract_all(s: Tree, pattern: Tree) -> Tree:
    group = patterns.capturing_group(literal(pattern, "the pattern of REGEXP_EXTRACT_ALL"))
    return call("regexp_extract_all", s, pattern, number(group))


def _array_to_string(array: Tree, delimiter: Tree, null: Tree = None) -> Tree:
    if null is None:
        return call("array_to_string", array, delimiter)
    return call("bq_array_to_string", array, delimiter, null)


def _json(name: str) -> Build:
    def build(value: Tree, path: Tree = None) -> Tree:
        steps = patterns.json_path(literal(path, "a JSONPath")) if path is not None else "$"
        return call(name, value, text(steps))

    return build


def _safely(operator: type) -> Build:
    return lambda a, b: call("try", operator(this=a, expression=b))


def _string_agg(value: Tree, delimiter: Tree = None) -> Tree:
    return call("string_agg", value, delimiter or text(","))


def _approx_quantiles(value: Tree, count: Tree) -> Tree:
    if not isinstance(count, exp.Literal):
        raise invalid_query("localcloud needs a literal number of quantiles in APPROX_QUANTILES")
    steps = int(count.this)
    shares = [exp.Literal.number(f"{step / steps}e0") for step in range(steps + 1)]
    return call("approx_quantile", value, cast(exp.Array(expressions=shares), "FLOAT[]"))


def _uuid() -> Tree:
    return cast(call("uuid"), "VARCHAR")


def _format(form: Tree, *values: Tree) -> Tree:
    return call("printf", text(patterns.printf_format(literal(form, "a FORMAT string"))), *values)


_SPECIAL: dict[str, tuple[Build, int, int]] = {
    "ROUND": (lambda x, places=None: call("round", x, *([cast(places, "INTEGER")] if places else [])), 1, 2),
    "LOG": (lambda x, base=None: call("bq_log", x, base) if base else call("ln", x), 1, 2),
    "COALESCE": (_to("coalesce"), 1, MANY),
    "GREATEST": (_extreme("greatest"), 1, MANY),
    "LEAST": (_extreme("least"), 1, MANY),
    "CONCAT": (_concatenated, 1, MANY),
    "SUBSTR": (lambda s, p, n=None: call("bq_substr", s, p, n) if n else call("bq_substr_from", s, p), 2, 3),
    "SUBSTRING": (lambda s, p, n=None: call("bq_substr", s, p, n) if n else call("bq_substr_from", s, p), 2, 3),
    "LPAD": (_padded("lpad"), 2, 3),
    "RPAD": (_padded("rpad"), 2, 3),
    "TRIM": (_trimmed("trim"), 1, 2),
    "LTRIM": (_trimmed("ltrim"), 1, 2),
    "RTRIM": (_trimmed("rtrim"), 1, 2),
    "SPLIT": (lambda s, delimiter=None: call("string_split", s, delimiter or text(",")), 1, 2),
    "REGEXP_EXTRACT": (_regexp_extract, 2, 2),
    "REGEXP_EXTRACT_ALL": (_regexp_extract_all, 2, 2),
    "REGEXP_REPLACE": (lambda s, pattern, by: call("regexp_replace", s, pattern, by, text("g")), 3, 3),
    "TO_HEX": (lambda value: call("lower", call("hex", value)), 1, 1),
    "MD5": (_digest("md5"), 1, 1),
    "SHA1": (_digest("sha1"), 1, 1),
    "SHA256": (_digest("sha256"), 1, 1),
    "FORMAT": (_format, 1, MANY),
    "GENERATE_UUID": (_uuid, 0, 0),
    "SAFE_ADD": (_safely(exp.Add), 2, 2),
    "SAFE_SUBTRACT": (_safely(exp.Sub), 2, 2),
    "SAFE_MULTIPLY": (_safely(exp.Mul), 2, 2),
    "ARRAY_TO_STRING": (_array_to_string, 2, 3),
    "ARRAY_CONCAT": (_array_concat, 1, MANY),
    "GENERATE_ARRAY": (_to("generate_series"), 2, 3),
    "GENERATE_DATE_ARRAY": (
        lambda a, b, step=None: call("bq_date_array", a, b, step or call("to_days", number(1))),
        2,
        3,
    ),
    "JSON_VALUE": (_json("bq_json_value"), 1, 2),
    "JSON_EXTRACT_SCALAR": (_json("bq_json_value"), 1, 2),
    "JSON_QUERY": (_json("bq_json_query"), 1, 2),
    "JSON_EXTRACT": (_json("bq_json_query"), 1, 2),
    "JSON_QUERY_ARRAY": (_json("bq_json_query_array"), 1, 2),
    "JSON_EXTRACT_ARRAY": (_json("bq_json_query_array"), 1, 2),
    "JSON_VALUE_ARRAY": (_json("bq_json_value_array"), 1, 2),
    "JSON_EXTRACT_STRING_ARRAY": (_json("bq_json_value_array"), 1, 2),
    "TO_JSON": (lambda value: cast(call("bq_to_json_string", value), "JSON"), 1, 1),
    "ARRAY_AGG": (_to("list"), 1, 1),
    "STRING_AGG": (_string_agg, 1, 2),
    "ARRAY_CONCAT_AGG": (lambda value: call("flatten", call("list", value)), 1, 1),
    "APPROX_QUANTILES": (_approx_quantiles, 2, 2),
    "FIRST_VALUE": (lambda value: exp.FirstValue(this=value), 1, 1),
    "LAST_VALUE": (lambda value: exp.LastValue(this=value), 1, 1),
    "NTH_VALUE": (lambda value, n: exp.NthValue(this=value, offset=n), 2, 2),
    "LAG": (_to("lag"), 1, 3),
    "LEAD": (_to("lead"), 1, 3),
}


FUNCTIONS = {
    **{name: Function(_to(target), count, count) for name, (target, count) in _SAME.items()},
    **{name: Function(*entry) for name, entry in _SPECIAL.items()},
}


def built(functions: Mapping[str, Function], name: str, arguments: Sequence[Tree]) -> Tree:
    """The call in DuckDB's terms. Raises HttpError for unknown functions and wrong numbers of arguments."""
    function = functions.get(name.upper())
    if function is None:
        raise invalid_query(f"Function not found: {name} (or not supported by localcloud)")
    if not function.fewest <= len(arguments) <= function.most:
        raise invalid_query(
            f"No matching signature for function {name.upper()} with {len(arguments)} arguments "
            "(or not supported by localcloud)"
        )
    return function.build(*arguments)
