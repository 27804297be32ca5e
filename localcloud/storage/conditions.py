"""Preconditions on generations: what makes a write happen once, and a read cheap.

Source: https://cloud.google.com/storage/docs/request-preconditions
"""

from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.storage.errors import condition_not_met, invalid, not_modified


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold of the generation and metageneration found; 0 stands for "there is no live object"."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None

    def hold_for(self, generation: int, metageneration: int) -> None:
        """Raises HttpError 412 when a condition of a write fails."""
        if self._differs(generation, metageneration) or self._same(generation, metageneration):
            raise condition_not_met()

    def hold_for_read(self, generation: int, metageneration: int) -> None:
        """Raises HttpError 412, or 304 when the caller already has what it would get."""
        if self._differs(generation, metageneration):
            raise condition_not_met()
        if self._same(generation, metageneration):
            raise not_modified()

    def _differs(self, generation: int, metageneration: int) -> bool:
        return self.generation not in (None, generation) or self.metageneration not in (None, metageneration)

    def _same(self, generation: int, metageneration: int) -> bool:
        return self.not_generation == generation or self.not_metageneration == metageneration


NONE = Conditions()
NAMES = ("GenerationMatch", "GenerationNotMatch", "MetagenerationMatch", "MetagenerationNotMatch")


def conditions(query: Mapping[str, str], prefix: str = "if") -> Conditions:
    """The conditions of a query; those of a copy's source have the prefix `ifSource`."""
    return Conditions(*(number(query, prefix + name) for name in NAMES))


def number(query: Mapping[str, str], name: str) -> int | None:
    """A parameter that is a whole number, or None without it. Raises HttpError 400."""
    text = query.get(name)
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise invalid(f"Invalid value for {name}: {text!r} is not a whole number") from error


def flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"
