"""MQTT topic -> route: wildcards, named captures, overlap. Pure.

A filter is an MQTT topic filter in which a level may also be a name in braces: `devices/{device}/up` subscribes to
`devices/+/up` and captures the second level as `device`. Rules of MQTT 5.0, section 4.7.
"""

import re
from collections.abc import Iterable, Sequence
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
        if "$" in (self.levels[0][:1], other.levels[0][:1]) and self.levels[0] != other.levels[0]:
            return False
        return _overlap(self.levels, other.levels)


@dataclass(frozen=True, slots=True)
class Match(Generic[R]):
    """The route a topic takes, and what its filter captured."""

    route: R
    captures: dict[str, str]


class Router(Generic[R]):
    """Filters in their order; the first that matches wins."""

    def __init__(self, routes: Iterable[tuple[TopicFilter, R]]) -> None:
        self._routes = list(routes)

    def match(self, mqtt_topic: str) -> Match[R] | None:
        levels = mqtt_topic.split("/")
        for topic_filter, route in self._routes:
            captures = topic_filter.match(levels)
            if captures is not None:
                return Match(route, captures)
        return None


def overlapping(filters: Iterable[tuple[str, TopicFilter]]) -> list[tuple[str, str]]:
    """The pairs of names whose filters one topic may match."""
    return [(a, b) for (a, one), (b, other) in combinations(filters, 2) if one.overlaps(other)]


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


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    if not one or not other:
        return one == other or "#" in (*one[:1], *other[:1])
    if "#" in (one[0], other[0]):
        return True
    if "+" in (one[0], other[0]) or one[0] == other[0]:
        return _overlap(one[1:], other[1:])
    return False


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a filter is valid Unicode, without lone surrogates") from error
