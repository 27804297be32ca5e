"""JSON from outside, read within bounds: nothing is taken that is too deep, has too many keys or one of them twice.

How long it may be (`LARGEST`) is checked where it comes in.
"""

import json
import re
from typing import Any

LARGEST = 256 * 1024  # bytes
DEEPEST = 32  # objects and lists within each other
MOST_KEYS = 2_000
_BETWEEN_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class Unreadable(ValueError):
    """No such JSON; the message goes on after the name of what was read."""


def json_object(text: bytes) -> dict[str, Any]:
    """Raises Unreadable."""
    if _depth(text) > DEEPEST:
        raise Unreadable(f"is nested more than {DEEPEST} deep; flatten it")
    keys = 0

    def counted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal keys
        keys += len(pairs)
        found = dict(pairs)
        if keys > MOST_KEYS:
            raise _Odd(f"has more than {MOST_KEYS} keys; send less")
        if len(found) < len(pairs):
            raise _Odd("has a key twice in one object; keep one")
        return found

    try:
        document = json.loads(text, object_pairs_hook=counted, parse_constant=_no_number)
    except _Odd as error:
        raise Unreadable(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable("is not JSON; send an object or nothing") from error
    if not isinstance(document, dict):
        raise Unreadable("is not an object; send an object or nothing")
    return document


class _Odd(Exception):
    """Apart from ValueError, which the parser raises as well."""


def _depth(text: bytes) -> int:
    """Counted before anything is parsed: the parser itself recurses."""
    deepest = depth = 0
    for bracket in re.findall(rb"[\[{\]}]", _BETWEEN_TEXTS.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _no_number(name: str) -> Any:
    raise ValueError(name)
