"""What every kind of resource has in common: what is wanted, what was observed, and the four things one can do.

A kind's state is a frozen dataclass. The annotation of a field may carry a rule that tells what a difference between
live and wanted means: `mutable` (the default) updates it, `fixed` refuses it, `added` wants its entries among those
that are there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from director import keys
from director.documents.model import Architecture
from director.documents.seeds import Documents
from director.documents.specs.resource import Resource
from director.keys import Key
from director.names import ARCHITECTURE, DATAFLOW, MANAGED_BY
from director.provisioning.protection import PREVENTED, Protection
from director.strict import written

S = TypeVar("S")
MANAGER = "iot-director"
CALL_TIMEOUT = 30.0  # seconds one call to Google may take


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a difference in one field comes to."""

    action: Literal["update", "refuse"]
    reason: str


Rule = Callable[[Any, Any], Verdict | None]  # live, wanted -> None where nothing is to be done


def mutable(live: Any, wanted: Any) -> Verdict | None:
    return None if live == wanted else Verdict("update", f"{shown(live)} -> {shown(wanted)}")


def fixed(way_out: str) -> Rule:
    """The rule for what Google never changes; `way_out` is what people can do instead."""

    def rule(live: Any, wanted: Any) -> Verdict | None:
        if live == wanted:
            return None
        return Verdict("refuse", f"live {shown(live)}, wanted {shown(wanted)}, cannot be changed; {way_out}")

    return rule


def added(live: Mapping[str, str], wanted: Mapping[str, str]) -> Verdict | None:
    """Entries that are there beyond the wanted ones belong to somebody else and stay."""
    new = [f"{key}={value}" for key, value in sorted(wanted.items()) if live.get(key) != value]
    return Verdict("update", f"set {', '.join(new)}") if new else None


Labels = Annotated[Mapping[str, str], added]


def shown(value: Any) -> str:
    """A value in a plan."""
    if isinstance(value, timedelta):
        return written(value)
    if value is None or value == "" or value == ():
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Owner:
    """On whose behalf the director made a resource; written on it as labels."""

    architecture: str
    dataflow: str

    def labels(self) -> dict[str, str]:
        return {MANAGED_BY: MANAGER, ARCHITECTURE: self.architecture, DATAFLOW: self.dataflow}


def owner_in(labels: Mapping[str, str]) -> Owner | None:
    """None where the director did not make it."""
    if labels.get(MANAGED_BY) != MANAGER:
        return None
    return Owner(labels.get(ARCHITECTURE, ""), labels.get(DATAFLOW, ""))


@dataclass(frozen=True, slots=True)
class Wanted(Generic[S]):
    """A resource as it should be. `owner` is None for what cannot carry labels; `protection` is for its teardown.

    `waits` says why it cannot be made yet, where something is missing that only comes later.
    """

    kind: str
    full_name: str
    state: S
    owner: Owner | None
    needs: tuple[Key, ...] = ()
    services: frozenset[str] = frozenset()  # those linked to it
    protection: Protection = PREVENTED
    enforced: bool = False  # put right as soon as it drifts
    waits: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.full_name


@dataclass(frozen=True, slots=True)
class Observed(Generic[S]):
    """A resource as it is; `handle` is the provider's own, for an update that must not cross another's."""

    state: S
    owner: Owner | None
    handle: Any = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What would be lost with a resource, in words; where `others` have it, nobody here may agree to the loss."""

    what: str
    others: bool = False


class Provider(Protocol[S]):
    """One kind of resource at Google. Raises google.api_core.exceptions; observing changes nothing.

    `holding` is asked before a delete: what would go with the resource, apart from the resources named `going`. With
    `data` a delete takes what is in it along; without, it may be refused by Google.
    """

    def observe(self, wanted: Wanted[S]) -> Observed[S] | None: ...
    def create(self, wanted: Wanted[S]) -> None: ...
    def update(self, wanted: Wanted[S], observed: Observed[S], fields: frozenset[str]) -> None: ...
    def holding(self, wanted: Wanted[S], going: frozenset[str]) -> Holding | None: ...
    def delete(self, wanted: Wanted[S], data: bool = False) -> None: ...


@runtime_checkable
class Surveyor(Protocol):
    """A provider that can look at many resources in a few calls. What was made just now may be missing from a list."""

    def survey(self, wanted: Sequence[Wanted[Any]]) -> Mapping[str, Observed[Any]]:
        """By full name those that are there; others of the same project may be among them."""


Providers = Mapping[str, Provider[Any]]  # by kind


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind needs to know beyond its own specification.

    `service_urls` are the addresses of those services that were deployed already, by name.
    """

    architecture: Architecture
    dataflow: str
    seeds: Mapping[tuple[str, str], Documents]
    service_urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return self.architecture.project_id

    @property
    def owner(self) -> Owner:
        return Owner(self.architecture.name, self.dataflow)

    def labels(self, own: Mapping[str, str]) -> dict[str, str]:
        return {**self.architecture.labels, **own, **self.owner.labels()}

    def table(self, reference: str) -> Key:
        """The dataflow's table that a document calls `table`, or `dataset.table`."""
        for table in self.architecture.dataflows[self.dataflow].resources.bigquery_tables:
            if reference in (table.name, f"{table.dataset}.{table.name}"):
                return keys.table(self.project, table.dataset, table.name)
        raise LookupError(f"no table {reference}")

    @staticmethod
    def services(spec: Resource) -> frozenset[str]:
        return frozenset(link.name for link in spec.links)
