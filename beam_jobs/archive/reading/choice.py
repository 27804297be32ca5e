"""Which messages of an archive somebody means. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beam_jobs.archive.reading.place import Span
from bridge import envelope


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """An attribute with a value, or with a value that begins so."""

    attribute: str
    value: str
    prefix: bool = False

    def __str__(self) -> str:
        return f"{self.attribute}{'^=' if self.prefix else '='}{self.value}"

    def fits(self, attributes: Mapping[str, str]) -> bool:
        found = attributes.get(self.attribute)
        if found is None:
            return False
        return found.startswith(self.value) if self.prefix else found == self.value


def where(text: str) -> Where:
    """`device.location=hall-1`, or `device.location^=hall-` for all that begins so. Raises ValueError."""
    name, sign, value = text.partition("=")
    prefix = name.endswith("^")
    if not sign or not name.removesuffix("^"):
        raise ValueError(f"{text[:60]!r}: write ATTRIBUTE=VALUE, or ATTRIBUTE^=START for all values that begin so")
    return Where(name.removesuffix("^"), value, prefix)


@dataclass(frozen=True, slots=True)
class Choice:
    """Messages of `span` to which all that is given applies; of ids, and of tests of one attribute, any one will do."""

    span: Span = field(default_factory=Span)
    ids: frozenset[str] = frozenset()
    tests: tuple[tuple[Where, ...], ...] = ()  # each of one attribute

    @property
    def by_time_only(self) -> bool:
        return not self.ids and not self.tests

    def takes(self, document: Mapping[str, Any]) -> bool:
        """Of what a line says, its time aside."""
        if self.ids and document["id"] not in self.ids:
            return False
        attributes = document["attributes"]
        return all(any(one.fits(attributes) for one in tests) for tests in self.tests)


def choice(span: Span, ids: list[str], devices: list[str], wheres: list[Where]) -> Choice:
    by_attribute: dict[str, list[Where]] = {}
    for one in sorted({*wheres, *(Where(envelope.SUBJECT, device) for device in devices)}):
        by_attribute.setdefault(one.attribute, []).append(one)
    return Choice(span, frozenset(ids), tuple(map(tuple, by_attribute.values())))
