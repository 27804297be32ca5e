"""Pages of short lists that are named one by one."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from localcloud.storage.conditions import number
from localcloud.storage.errors import invalid

_LARGEST_PAGE = 1000
T = TypeVar("T")


def limit(query: Mapping[str, str]) -> int:
    """How many entries a page may have. Raises HttpError 400."""
    wanted = number(query, "maxResults")
    if wanted is None:
        return _LARGEST_PAGE
    if wanted < 1:
        raise invalid(f"Invalid value for maxResults: {wanted}")
    return min(wanted, _LARGEST_PAGE)


def page_of(items: Sequence[T], query: Mapping[str, str], name: Callable[[T], str]) -> tuple[list[T], str]:
    """The page that `pageToken` asks for of items in the order of their names, and the token of the next."""
    after = _last(query.get("pageToken", ""))
    left = [item for item in items if name(item) > after]
    size = limit(query)
    chosen = left[:size]
    return chosen, base64.urlsafe_b64encode(name(chosen[-1]).encode()).decode() if len(left) > size else ""


def _last(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid pageToken") from error
