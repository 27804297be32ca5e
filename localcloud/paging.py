"""Pages of lists whose tokens are positions."""

from collections.abc import Sequence
from typing import Any, TypeVar

from localcloud.rpc import invalid_argument

T = TypeVar("T")


def page(everything: Sequence[T], request: Any, largest: int) -> tuple[Sequence[T], str]:
    """What of it a request with `page_size` and `page_token` gets, and the token of the next page, if any."""
    if request.page_size < 0 or not (request.page_token or "0").isdecimal():
        raise invalid_argument("The page size or the page token is not valid.")
    start = int(request.page_token or 0)
    end = start + (request.page_size or largest)
    return everything[start:end], str(end) if end < len(everything) else ""
