"""The small languages inside SQL strings: formats of times, JSON paths, regular expressions and printf formats.

Each is checked here and put into DuckDB's form; what DuckDB would read differently is refused.
"""

import re

from localcloud.bigquery.errors import invalid_query

# https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
_SAME = "AaBbdfGHIjMmpUuVWwYy"
_ELEMENTS = {
    **{letter: f"%{letter}" for letter in _SAME if letter != "f"},
    "%": "%%",
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "S": "%S",
    "E4Y": "%Y",
    "E3S": "%S.%g",
    "E6S": "%S.%f",
    "n": "\n",
    "t": "\t",
}
_IN_UTC = {"Z": "UTC", "z": "+0000", "Ez": "+00:00"}
_ELEMENT = re.compile(r"%(E\*S|E[0-9]?[A-Za-z]|.?)", re.DOTALL)
_YEAR = re.compile(r"%(Y|y|F|D|E4Y)")


def output_format(text: str, in_utc: bool) -> str:
    """A strftime format for FORMAT_TIMESTAMP and its kin; zone elements only make sense in UTC."""

    def element(match: re.Match[str]) -> str:
        code = match[1]
        if in_utc and code in _IN_UTC:
            return _IN_UTC[code]
        return _element(code, text)

    return _ELEMENT.sub(element, text)


def input_formats(text: str, dated: bool) -> tuple[str, str]:
    """Two strptime formats for PARSE_TIMESTAMP and its kin, to be tried in turn: `%E*S` has a fraction or has none."""
    if dated and not _YEAR.search(text):
        raise invalid_query(f"localcloud does not parse times without a year: format {text!r}")

    def formatted(seconds: str) -> str:
        return _ELEMENT.sub(lambda match: _input_element(match[1], seconds, text), text)

    return formatted("%S.%f"), formatted("%S")


def _input_element(code: str, seconds: str, text: str) -> str:
    if code == "E*S":
        return seconds
    if code in ("z", "Ez"):
        return "%z"
    return _element(code, text)


def _element(code: str, text: str) -> str:
    if code not in _ELEMENTS:
        raise invalid_query(f"localcloud does not support the format element %{code} in {text!r}")
    return _ELEMENTS[code]


_STEP = re.compile(r"""\.([\w-]+)|\."([^"]*)"|\[(\d+)\]|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]""")


def json_path(path: str) -> str:
    """A JSONPath as DuckDB writes it: `$.a['b c'][0]` as `$."a"."b c"[0]`."""
    if not path.startswith("$"):
        raise invalid_query(f"JSONPath must start with '$': {path}")
    steps, position = ["$"], 1
    while position < len(path):
        match = _STEP.match(path, position)
        if not match:
            raise invalid_query(f"Unsupported operator in JSONPath: {path[position:]!r} of {path}")
        steps.append(_step(match))
        position = match.end()
    return "".join(steps)


def _step(match: re.Match[str]) -> str:
    if match[3] is not None:
        return f"[{match[3]}]"
    key = next(group for group in (match[1], match[2], match[4], match[5]) if group is not None)
    return f'."{key}"'


_GROUP = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\((?!\?)|\(\?P?<", re.DOTALL)


def capturing_group(pattern: str) -> int:
    """0 or 1: which group REGEXP_EXTRACT gives back."""
    groups = sum(match[0].startswith("(") for match in _GROUP.finditer(pattern))
    if groups > 1:
        raise invalid_query(f"Regular expression has more than 1 capturing group: {pattern}")
    return groups


_CONVERSION = re.compile(r"%(%|s|0?\d*d|(?:\.\d+)?f|$|.)", re.DOTALL)


def printf_format(text: str) -> str:
    """A FORMAT string that DuckDB's printf reads the same way."""
    for match in _CONVERSION.finditer(text):
        if match[1][-1:] not in ("%", "s", "d", "f"):
            raise invalid_query(f"localcloud does not support the conversion {match[0]!r} in FORMAT({text!r})")
    return text
