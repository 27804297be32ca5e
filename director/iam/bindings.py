"""What IAM is about here: who may do what with which resource, and why. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from director import keys
from director.keys import Key

PROJECTS = "projects"
SECRETS = keys.SECRETS
ACCOUNTS = keys.SERVICE_ACCOUNTS
Grant = tuple[str, str]  # role and member, on a resource that goes without saying


@dataclass(frozen=True, slots=True, order=True)
class Binding:
    """A member's role on one resource; `dataflows` are those that want it, `reasons` their links."""

    kind: str
    name: str
    role: str
    member: str
    reasons: tuple[str, ...] = ()
    dataflows: frozenset[str] = frozenset()

    @property
    def resource(self) -> Key:
        return self.kind, self.name

    @property
    def grant(self) -> Grant:
        return self.role, self.member

    def __str__(self) -> str:
        return f"{self.role} on {self.kind} {self.name} to {self.member}"


def merged(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Sorted, each once, with the reasons and dataflows of all."""
    found: dict[tuple[Key, Grant], Binding] = {}
    for one in bindings:
        same = found.get((one.resource, one.grant), one)
        reasons = tuple(sorted({*same.reasons, *one.reasons}))
        found[one.resource, one.grant] = Binding(
            *one.resource, *one.grant, reasons=reasons, dataflows=same.dataflows | one.dataflows
        )
    return tuple(found[key] for key in sorted(found))


def by_resource(bindings: Iterable[Binding]) -> Mapping[Key, tuple[Binding, ...]]:
    found: dict[Key, list[Binding]] = {}
    for one in bindings:
        found.setdefault(one.resource, []).append(one)
    return {resource: tuple(found[resource]) for resource in sorted(found)}


def of_dataflow(bindings: Iterable[Binding], dataflow: str | None) -> Iterator[Binding]:
    """Those that the dataflow wants; all of them for None."""
    return (one for one in bindings if dataflow is None or dataflow in one.dataflows)
