"""The filters of lists of channels and policies, as far as the platform writes them: equalities joined by AND.

    user_labels.resource="backlog" AND type="email"

Source: https://cloud.google.com/monitoring/api/v3/sorting-and-filtering
"""

import re
from collections.abc import Sequence
from typing import Any

from localcloud.rpc import unsupported

_EQUALITY = re.compile(
    r"\s*(?P<field>name|type|display_name|user_labels\.(?P<key>[a-z]\w*))\s*=\s*"
    r"""("(?P<double>[^"\\]*)"|'(?P<single>[^'\\]*)')\s*(?P<more>AND\b|$)""",
    re.ASCII,
)


def chosen(everything: Sequence[Any], request: Any) -> list[Any]:
    """Raises UNIMPLEMENTED for anything else the language has, sorting included."""
    if request.order_by:
        raise unsupported("order_by in lists of Monitoring")
    found, position = list(everything), 0
    while position < len(request.filter):
        match = _EQUALITY.match(request.filter, position)
        if not match or (match["more"] and match.end() == len(request.filter)):
            raise unsupported(f"this filter: {request.filter}")
        value = match["double"] if match["double"] is not None else match["single"]
        found = [one for one in found if _field(one, match["field"], match["key"]) == value]
        position = match.end()
    return found


def _field(one: Any, field: str, key: str | None) -> str | None:
    if key is not None:
        return dict(one.user_labels).get(key)
    return str(getattr(one, "type_" if field == "type" else field))
