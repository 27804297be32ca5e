"""A document as written, perhaps wrong in places: what can be read of it, so that no check waits for a clean one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from director.positions import Location


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping somewhere in a document. What is not of the expected type reads as absent: another check names it."""

    data: dict[str, Any]
    location: Location = ()

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        return value if isinstance(value, str) else None

    def inner(self, key: str) -> "Draft":
        value = self.data.get(key)
        return Draft(value if isinstance(value, dict) else {}, (*self.location, key))

    def children(self, key: str) -> dict[str, "Draft"]:
        """The mappings in the mapping under `key`, by name."""
        outer = self.inner(key)
        return {name: outer.inner(name) for name in outer.data}

    def items(self, key: str) -> Iterator["Draft"]:
        """The mappings in the list under `key`."""
        value = self.data.get(key)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, dict):
                yield Draft(item, (*self.location, key, index))


def resources(dataflow: Draft, kind: str) -> Iterator[Draft]:
    return dataflow.inner("resources").items(kind)


def link_entries(resource: Draft) -> Iterator[Draft]:
    for key in ("producer_service", "consumer_service"):
        if isinstance(resource.data.get(key), dict):
            yield resource.inner(key)
    for key in ("producers", "consumers"):
        yield from resource.items(key)
