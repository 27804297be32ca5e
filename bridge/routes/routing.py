"""MQTT topic -> route: wildcards, named captures, overlap. Pure.

A filter is an MQTT topic filter in which a level may also be a name in braces: `devices/{device}/up` subscribes to
`devices/+/up` and captures the second level as `device`. Rules of MQTT 5.0, section 4.7.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, TypeVar

MAX_TOPIC_BYTES = 65_535
_CAPTURE = re.compile(r"\{([a-z][a-z0-9_]{0,62})\}")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """A parsed filter: its MQTT levels, and the names of the captured ones."""

    levels: tuple[str, ...]
    captures: tuple[tuple[int, str], ...]

    @classmethod
    def parse(cls, text: str) -> "TopicFilter":
        """Raises ValueError with the rule that is broken."""
        if not text:
            raise ValueError("a filter has at least one character")
        if len(_utf8(text)) > MAX_TOPIC_BYTES:
            raise ValueError(f"a filter has at most {MAX_TOPIC_BYTES} bytes")
        if "\0" in text:
            raise ValueError("a filter has no NUL character")
        if text.startswith("$share/"):
            raise ValueError("a shared subscription is the bridge's own affair; write the filter without $share/GROUP/")
        captured = [(position, _capture(level)) for position, level in enumerate(text.split("/"))]
        names = [name for _, name in captured if name]
        if len(set(names)) < len(names):
            raise ValueError("a capture name stands once in a filter")
        levels = ["+" if name else level for (_, name), level in zip(captured, text.split("/"), strict=True)]
        if "#" in levels[:-1]:
            raise ValueError("'#' is the last level")
        return cls(tuple(levels), tuple((position, name) for position, name in captured if name))

    @property
    def mqtt(self) -> str:
        """The filter as the broker takes it."""
        return "/".join(self.levels)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for _, name in self.captures)

    def match(self, levels: Sequence[str]) -> dict[str, str] | None:
        """The captures, or None where these levels of a topic do not match."""
        if levels[0].startswith("$") and self.levels[0] in ("+", "#"):
            return None
        for position, wanted in enumerate(self.levels):
            if wanted == "#":
                break
            if position >= len(levels) or wanted not in ("+", levels[position]):
                return None
        else:
            if len(levels) != len(self.levels):
                return None
        return {name: levels[position] for position, name in self.captures}

    def overlaps(self, other: "TopicFilter") -> bool:
        """Whether one topic may match both."""
        if self._apart(other):
            return False
        for one, two in zip(self.levels, other.levels, strict=False):
            if "#" in (one, two):
                return True
            if one != two and "+" not in (one, two):
                return False
        return _ends_together(self.levels, other.levels)

    def covers(self, other: "TopicFilter") -> bool:
        """Whether every topic that matches the other matches this one."""
        levels = ("#",) if self.levels == ("+", "#") else self.levels  # the same: every topic has a first level
        if self._apart(other):
            return False
        for wanted, given in zip(levels, other.levels, strict=False):
            if wanted == "#":
                return True
            if given == "#" or wanted not in ("+", given):
                return False
        return _ends_together(levels, other.levels) and len(levels) >= len(other.levels)

    def _apart(self, other: "TopicFilter") -> bool:
        """Topics that begin with `$` match no filter that begins with a wildcard."""
        return "$" in (self.levels[0][:1], other.levels[0][:1]) and self.levels[0] != other.levels[0]


@dataclass(frozen=True, slots=True)
class Match(Generic[R]):
    """A route that a topic may take, and what its filter captured."""

    route: R
    captures: dict[str, str]


class Router(Generic[R]):
    """Filters in their order."""

    def __init__(self, routes: Iterable[tuple[TopicFilter, R]]) -> None:
        self._routes = list(routes)

    def matches(self, mqtt_topic: str) -> Iterator[Match[R]]:
        levels = mqtt_topic.split("/")
        for topic_filter, route in self._routes:
            captures = topic_filter.match(levels)
            if captures is not None:
                yield Match(route, captures)


def overlapping(filters: Iterable[tuple[str, TopicFilter]]) -> list[tuple[str, str]]:
    """The pairs of names whose filters one topic may match."""
    return [(a, b) for (a, one), (b, other) in combinations(filters, 2) if one.overlaps(other)]


def widest(filters: Iterable[TopicFilter]) -> list[TopicFilter]:
    """The filters without those that another one covers; of equal ones the first."""
    kept: list[TopicFilter] = []
    for candidate in filters:
        if not any(one.covers(candidate) for one in kept):
            kept = [one for one in kept if not candidate.covers(one)] + [candidate]
    return kept


def _capture(level: str) -> str | None:
    """The name a level captures, None where it is literal or a wildcard."""
    capture = _CAPTURE.fullmatch(level)
    if capture:
        return capture[1]
    for wildcard in "+#":
        if level != wildcard and wildcard in level:
            raise ValueError(f"{wildcard!r} stands alone in its level, not in {level!r}")
    if "{" in level or "}" in level:
        raise ValueError(f"a capture is a whole level such as {{device}}, not {level!r}")
    return None


def _ends_together(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the longer one may end where the shorter does: `a/#` matches `a` too."""
    shorter, longer = sorted((one, other), key=len)
    return list(longer[len(shorter) :]) in ([], ["#"])


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a filter is valid Unicode, without lone surrogates") from error
