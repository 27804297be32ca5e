"""Small expressions in CEL, the Common Expression Language (https://cel.dev).

    double(data.temp) * 1.8 + 32.0
    data.battery < 2.4 ? "low" : "ok"
    attributes["mqtt.topic"].startsWith("a/")

Each is compiled once. Evaluating one copies the variables it names, so `data` and `attributes` cost by their size.
"""

import re
from collections.abc import Mapping
from typing import Any

from director.strict import similar

VARIABLES = ("data", "attributes", "event_time", "publish_time", "message_id", "now")
FUNCTIONS = frozenset(
    (
        *("bytes", "double", "dyn", "duration", "int", "string", "timestamp", "type", "uint"),
        *("contains", "endsWith", "matches", "size", "startsWith"),
        *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    )
)
_BOUND = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(\s*([A-Za-z_]\w*)\s*,")
_NO_OVERLOAD = re.compile(r"Undefined variable or function: '(\w+)'")
_ABSENT = (KeyError, IndexError)


class Expression:
    """A compiled expression. Raises ValueError that says what is wrong with the text."""

    def __init__(self, text: str) -> None:
        self._program = _compiled(text)
        names = set(self._program.variables()) - set(_BOUND.findall(text))
        functions = {name for name in self._program.functions() if name.isidentifier() and not name.startswith("_")}
        for wanted, known in ((names, VARIABLES), (functions, FUNCTIONS)):
            for name in sorted(wanted.difference(known)):
                raise ValueError(f"{text!r} names {name!r}, which is not there; {similar(name, known)}")
        self.variables = tuple(name for name in VARIABLES if name in names)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The result, None where a key or position it asks for is not there. Raises ValueError for any other failure.

        `values` holds `self.variables`.
        """
        try:
            return self._program.execute(values)
        except _ABSENT:
            return None
        except Exception as error:  # CEL's errors come as half a dozen built-in types
            raise ValueError(_reason(str(error))) from error


def checked(text: str) -> str:
    """`text`, where it is an expression. Raises ValueError."""
    Expression(text)
    return text


def _compiled(text: str) -> Any:
    try:
        import cel  # half a second, for those who use it
    except ImportError as error:
        raise ValueError("expressions need the package common-expression-language; install it") from error
    try:
        return cel.compile(text)
    except ValueError as error:
        first = str(error).partition("ERROR: ")[2].splitlines()
        raise ValueError(f"{text!r} is no CEL expression: {first[0] if first else error}") from error


def _reason(message: str) -> str:
    missing = _NO_OVERLOAD.match(message)
    return f"{missing[1]}() takes no value of this kind" if missing else message.split(". ")[0]
