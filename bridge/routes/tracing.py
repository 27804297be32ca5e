"""W3C trace context in MQTT user properties: valid, or not taken for one.

Formats: https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3; attributes: CloudEvents, "Distributed Tracing".
"""

import re
from collections.abc import Iterable

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
MOST_MEMBERS, LARGEST = 32, 1_024  # entries of a state; characters that an attribute holds

_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_MEMBER = re.compile(
    r"([a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}|[a-z][a-z0-9_*/-]{0,255})"
    r"=([ -+\--<>-~]{0,255}[!-+\--<>-~])"
)


def trace_context(user: Iterable[tuple[str, str]]) -> dict[str, str]:
    """`traceparent`, and `tracestate` where that is valid too; empty where there is no single valid parent."""
    parents = [value for name, value in user if name == TRACEPARENT]
    if len(parents) != 1 or not _valid_parent(parents[0]):
        return {}
    state = ",".join(value for name, value in user if name == TRACESTATE)
    return {TRACEPARENT: parents[0]} | ({TRACESTATE: state} if _valid_state(state) else {})


def _valid_parent(text: str) -> bool:
    """Only later versions than 00 may have more behind the flags."""
    found = _PARENT.fullmatch(text)
    return found is not None and len(text) <= LARGEST and text.isascii() and (found[1] != "00" or found[2] is None)


def _valid_state(text: str) -> bool:
    members = [member for member in (part.strip(" \t") for part in text.split(",")) if member]
    if not 0 < len(members) <= MOST_MEMBERS or len(text) > LARGEST:
        return False
    found = [_MEMBER.fullmatch(member) for member in members]
    return all(found) and len({one[1] for one in found if one}) == len(members)
