"""What a teardown may do to a resource: the strictest of what architecture, dataflow and resource say. Pure.

PREVENT keeps it and says so, ABANDON keeps it, DELETE deletes it. Where the resource names none, ephemeral dataflows
delete; permanent ones prevent it for what holds data, and abandon the rest.
"""

from dataclasses import dataclass

from director.documents.kinds import Kind
from director.documents.model import Architecture, Dataflow
from director.documents.specs.resource import DeletionPolicy, Resource

STRICTNESS: tuple[DeletionPolicy, ...] = ("DELETE", "ABANDON", "PREVENT")


@dataclass(frozen=True, slots=True)
class Protection:
    """A policy and where it comes from; `said` by somebody, or only what holds where nobody says anything."""

    policy: DeletionPolicy
    because: str
    said: bool = True


PREVENTED = Protection("PREVENT", "nothing says that it may be deleted")


def protection(architecture: Architecture, dataflow: Dataflow, kind: Kind, resource: Resource) -> Protection:
    """The strictest; of equally strict ones the first."""
    said = [_default(dataflow, kind)]
    if resource.deletion_policy:
        said = [Protection(resource.deletion_policy, f"its deletion_policy is {resource.deletion_policy}")]
    guards = (
        (architecture.teardown_protection, "the architecture"),
        (dataflow.teardown_protection, "the dataflow"),
        (resource.teardown_protection, "the resource"),
    )
    said += [Protection("PREVENT", f"{who} has teardown_protection") for protected, who in guards if protected]
    if dataflow.lifecycle.keep_resources_on_test:
        said.append(Protection("ABANDON", "the dataflow has lifecycle.keep_resources_on_test"))
    return max(said, key=lambda one: STRICTNESS.index(one.policy))


def _default(dataflow: Dataflow, kind: Kind) -> Protection:
    if dataflow.lifecycle.strategy == "ephemeral":
        return Protection("DELETE", "the dataflow is ephemeral", said=False)
    if not kind.holds_data:
        because = "the dataflow is permanent; deletion_policy: DELETE would delete it"
        return Protection("ABANDON", because, said=False)
    because = "the dataflow is permanent and this kind holds data; see deletion_policy"
    return Protection("PREVENT", because, said=False)
