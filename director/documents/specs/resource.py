"""What all kinds of resources have in common in documents."""

from typing import Literal

from pydantic import Field

from director.names import ConfigKey
from director.strict import Strict


class Lookup(Strict):
    """Where in a service's configuration the resource's name goes: a dotted path."""

    key: ConfigKey


class Link(Strict):
    """A service that uses a resource."""

    name: str
    lookup: Lookup


DeletionPolicy = Literal["PREVENT", "ABANDON", "DELETE"]


class Resource(Strict):
    """What all resources have. A description stays here where Google's service has no field for it.

    `deletion_policy` says what a teardown does: nothing and says why, nothing, or delete. See `protection`.
    """

    description: str = Field("", max_length=1024)
    deletion_policy: DeletionPolicy | None = None
    teardown_protection: bool = False

    @property
    def links(self) -> tuple[Link, ...]:
        """Every service that writes to the resource or reads from it."""
        single = (getattr(self, "producer_service", None), getattr(self, "consumer_service", None))
        several = (*getattr(self, "producers", ()), *getattr(self, "consumers", ()))
        return (*(link for link in single if link), *several)
