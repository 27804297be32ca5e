"""Lists in pages: at most so many, and a token with which to go on. Any token in the right form is taken."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from director.names import ID_PATTERN
from director.strict import Strict

LARGEST_PAGE, PAGE = 500, 100  # entries


class ByName(Strict):
    """The query of lists in the order of names; the token is the last name."""

    page_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE
    page_token: Annotated[str, Field(pattern=f"^({ID_PATTERN})?$")] = ""


class ByTime(Strict):
    """The query of lists with the newest first; the token says before what to go on."""

    page_size: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE
    page_token: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = ""

    @property
    def before(self) -> int | None:
        return int(self.page_token) if self.page_token else None


def names(all_of_them: Iterable[str], asked: ByName) -> tuple[Sequence[str], str]:
    """The page of names and the token of the next, empty at the end."""
    known = sorted(all_of_them)
    start = bisect_right(known, asked.page_token)
    page = known[start : start + asked.page_size]
    return page, page[-1] if start + len(page) < len(known) else ""


def token(mark: int | None) -> str:
    return "" if mark is None else str(mark)
