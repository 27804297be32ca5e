"""How a command ended, as it is told: an event that is published before the command is acknowledged. Pure.

At least once: `event_id` is the same however often the same end is told.
"""

from collections.abc import Iterable
from typing import Literal

from director.commands.command import Command, Refused
from director.operations.endings import digest
from director.operations.model import OneOutcome, Operation
from director.strict import Strict

Status = Literal["setup_complete", "dataflow_complete", "failure"]
BAD = ("refused", "failed", "skipped", "waiting", "missing", "differs")
LONGEST = 2_000  # characters of an error's message
MOST_NAMED = 3  # resources


class Completion(Strict):
    """`value` is the architecture for `setup_complete` (the director takes commands), else the dataflow, with
    `-dependent` after a dependent-resource-setup. `code` says why it failed, for programs."""

    v: Literal[1] = 1
    event_id: str
    command_id: str | None = None
    operation_id: str | None = None
    instruction: str | None = None
    status: Status
    value: str
    code: str = ""
    error_message: str = ""
    resources: tuple[OneOutcome, ...] = ()

    def attributes(self) -> dict[str, str]:
        """For filters of subscriptions."""
        found = {
            "v": str(self.v),
            "event_id": self.event_id,
            "status": self.status,
            "value": self.value,
            "command_id": self.command_id,
            "operation_id": self.operation_id,
            "instruction": self.instruction,
            "code": self.code,
        }
        return {name: value for name, value in found.items() if value}


def of_operation(command: Command, final: Operation) -> Completion:
    dependent = "-dependent" if command.instruction == "dependent-resource-setup" else ""
    found = from_operation(command.command_id, final)
    return found.model_copy(update={"instruction": command.instruction, "value": f"{command.dataflow}{dependent}"})


def from_operation(command_id: str, final: Operation) -> Completion:
    """As far as the operation knows: not by which instruction it was begun."""
    good = final.state == "succeeded"
    return Completion(
        event_id=digest(f"{command_id}\0{final.id}\0{final.state}")[:32],
        command_id=command_id,
        operation_id=final.id,
        status="dataflow_complete" if good else "failure",
        value=final.dataflow,
        code="" if good else _code(final),
        error_message="" if good else _why(final)[:LONGEST],
        resources=final.resources,
    )


def of_refusal(refused: Refused, message_id: str, value: str = "") -> Completion:
    return Completion(
        event_id=digest(f"{refused.command_id}\0{message_id}\0{refused.reason}")[:32],
        command_id=refused.command_id,
        status="failure",
        value=value,
        code=refused.reason,
        error_message=str(refused)[:LONGEST],
    )


def of_start(architecture: str, life: str) -> Completion:
    return Completion(event_id=digest(f"{architecture}\0{life}")[:32], status="setup_complete", value=architecture)


def _code(final: Operation) -> str:
    if final.fault:
        return final.fault.code
    if final.state != "failed":
        return final.state
    if final.kind == "verify":
        return "not_as_wanted"
    return "refused" if any(one.result == "refused" for one in final.resources) else "failed"


def _why(final: Operation) -> str:
    if final.fault:
        return final.fault.message
    if final.state != "failed":
        return f"operation {final.id} was {final.state}; see resources for how far it came"
    bad = [one for one in final.resources if one.result in BAD]
    named = "; ".join(_told(bad[:MOST_NAMED]))
    more = f"; and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
    return f"dataflow '{final.dataflow}' is not as wanted: {named}{more}"


def _told(outcomes: Iterable[OneOutcome]) -> Iterable[str]:
    return (f"{one.kind} {one.name} {one.result}{': ' + one.reason if one.reason else ''}" for one in outcomes)
