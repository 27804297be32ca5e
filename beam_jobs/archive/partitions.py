"""Where a message belongs: the folder that a template makes of its event time and attributes.

    date={date}/location={device.location}      {date}/{hour}/{device.location}/{ce-type}/{attributes.priority}

`{date}` and `{hour}` are those of the event time in UTC. Any other name is that of an attribute; one without a dot or
a dash stands behind `attributes.`, so that a slip of the pen is no attribute nobody has.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

DATE, HOUR = "date", "hour"
UNKNOWN = "unknown"
LONGEST_VALUE = 100  # characters of a value, without the hash that may follow
LONGEST_SEGMENT_VALUE = LONGEST_VALUE + 10
_ATTRIBUTES = "attributes."
_PLACE = re.compile(r"\{([^{}]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._=/-]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LENGTHS = {DATE: 10, HOUR: 2}

Partition = Callable[[str, Mapping[str, str]], str]
"""Event time (as in a line) and attributes -> folder, without slashes around it."""


def of_key(names: Sequence[str]) -> str:
    """The template of a list of attributes: date first, then each one under the last part of its name."""
    return "/".join(["date={date}", *(f"{name.rsplit('.', 1)[-1]}={{{_ATTRIBUTES}{name}}}" for name in names)])


def checked(template: str) -> str:
    """`template`, if it makes folders. Raises ValueError that says what to change."""
    literal = _PLACE.sub("x", template)
    if not _LITERAL.fullmatch(literal):
        raise ValueError(f"{template!r}: between places write letters, digits, and any of . _ = - /")
    if any(segment.strip(".") == "" or segment.startswith("_") for segment in literal.split("/")):
        raise ValueError(f"{template!r}: a folder is empty, only dots, or begins with _: name it otherwise")
    places = _PLACE.findall(template)
    if DATE not in places:
        raise ValueError(f"{template!r} has no {{date}}: an object holds messages of one event date, so add it")
    for place in places:
        if place not in _LENGTHS and not _attribute(place):
            raise ValueError(
                f"{template!r}: unknown place {{{place}}}; write date, hour, an attribute such as device.location,"
                f" or attributes.NAME for an attribute without a dot or dash"
            )
    return template


def longest(template: str) -> int:
    """Bytes of the longest folder a template can make."""
    return len(_PLACE.sub("", template)) + sum(
        _LENGTHS.get(place, LONGEST_SEGMENT_VALUE) for place in _PLACE.findall(template)
    )


def partition(template: str) -> Partition:
    """What finds the folder of a message. `template` is a checked one."""
    places = _PLACE.findall(template)
    names = [_attribute(place) for place in places if place not in _LENGTHS]
    pattern = _PLACE.sub(lambda place: f"{{{place[1] if place[1] in _LENGTHS else ''}}}", template)

    @lru_cache(10_000)
    def folder(hour: str, values: tuple[str, ...]) -> str:
        return pattern.format(*map(safe, values), date=hour[:10], hour=hour[11:13])

    def of(event_time: str, attributes: Mapping[str, str]) -> str:
        return folder(event_time[:13], tuple([attributes.get(name, "") for name in names]))

    return of


def safe(value: str) -> str:
    """A part of a folder's name that cannot leave it: other characters become `_`, told apart by a short hash."""
    if not value:
        return UNKNOWN
    plain = _UNSAFE.sub("_", value)[:LONGEST_VALUE]
    if plain[0] == "_":  # folders that begin so are the archive's own
        plain = f"x{plain}"
    if plain == value:
        return plain
    return f"{plain}-{hashlib.sha256(value.encode()).hexdigest()[:8]}"


def _attribute(place: str) -> str:
    """The name of the attribute a place stands for, "" where it stands for none."""
    if place.startswith(_ATTRIBUTES):
        return place.removeprefix(_ATTRIBUTES)
    return place if re.search(r"[.-]", place) else ""
