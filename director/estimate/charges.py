"""What rules are given and what they give: for one resource, how much there is of what a price is for. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from director.documents.loading import Blueprint
from director.documents.model import Dataflow
from director.estimate.flow import Flow, Rate
from director.estimate.units import GIB, SECONDS, TIB, readable
from director.estimate.usage import Usage
from director.strict import written


@dataclass(frozen=True, slots=True)
class Charge:
    """`quantity` of what the price of this name is for, in a month; `assumption` says what it was reckoned from."""

    what: str
    price: str
    quantity: float
    assumption: str


WHOLE = "all of it"


@dataclass(frozen=True, slots=True)
class Unpriced:
    """What could not be reckoned, and why or what to say for it."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a rule may look at beyond the resource itself."""

    blueprint: Blueprint
    dataflow: str
    flow: Flow
    usage: Usage

    @property
    def resources(self) -> Any:
        return self.specs.resources

    @property
    def specs(self) -> Dataflow:
        return self.blueprint.architecture.dataflows[self.dataflow]


@dataclass(frozen=True, slots=True)
class Item:
    """A resource: as written, and the state that the director makes of it."""

    kind: str
    name: str
    spec: Any
    state: Any


Rule = Callable[[Scene, Item], Iterator[Charge | Unpriced]]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long data stays before it goes, in seconds, and in words."""

    seconds: float
    words: str


def kept(stored_months: float | None, bound: timedelta | None = None) -> Kept:
    """As long as said, but no longer than `bound`; where nothing is said up to that, or one month of what has none."""
    seconds = (stored_months or 1) * SECONDS
    if bound is not None and (bound.total_seconds() < seconds or not stored_months):
        return Kept(bound.total_seconds(), f"the last {written(bound)}")
    if stored_months:
        return Kept(seconds, f"the last {readable(stored_months)} months")
    return Kept(seconds, "the first month; each further one adds as much")


def tib_a_month(rate: Rate) -> float:
    return rate.bytes * SECONDS / TIB


def gib_a_month(rate: Rate) -> float:
    return rate.bytes * SECONDS / GIB
