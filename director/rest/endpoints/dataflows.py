"""Dataflows: what there is, what would be done, and doing it."""

from typing import Any

from director.errors import Unknown
from director.operations.model import Progress
from director.rest import paging
from director.rest.answers import Change, Dataflow, DataflowList, Difference, Drift, Plan, Verified
from director.rest.operated import not_in_there, operated
from director.rest.problems import NotAsWanted
from director.rest.route import Call, Reply


def listed(call: Call) -> Reply:
    """Those the caller may know of."""
    authorization = call.parts.authorization
    mine = [name for name in call.director.dataflows() if authorization.may(call.identity, "list", name)]
    page, more = paging.names(mine, call.query)
    return Reply(DataflowList(architecture=call.director.architecture, dataflows=tuple(page), next_page_token=more))


def described(call: Call) -> Reply:
    return Reply(Dataflow.model_validate(call.director.description(call.dataflow)))


def planned(call: Call) -> Reply:
    director, asked = call.director, call.body
    director.description(call.dataflow)
    try:
        if asked.purpose == "rollback":
            found = director.rollback_plan(call.dataflow)
        else:
            make = director.teardown_plan if asked.purpose == "teardown" else director.plan
            found = make(call.dataflow, asked.service, asked.resource)
    except Unknown as error:
        raise not_in_there(error) from error
    return Reply(Plan.model_validate(found.to_json()))


def verified(call: Call) -> Reply:
    missing = changes_of(call.director.verify(call.dataflow))
    if missing:
        message = f"dataflow '{call.dataflow}' is not as wanted; apply it, or see changes for what to do"
        raise NotAsWanted(409, "not_as_wanted", message, changes=[change.model_dump() for change in missing])
    return Reply(Verified(dataflow=call.dataflow, changes=()))


def drifted(call: Call) -> Reply:
    found = tuple(Difference.model_validate(one.to_json()) for one in call.director.drift(call.dataflow))
    return Reply(Drift(dataflow=call.dataflow, differences=found))


def applied(call: Call) -> Reply:
    asked = call.body

    def work(progress: Progress, operation: str) -> Any:
        return call.director.apply(
            call.dataflow, asked.plan_hash, progress,
            service=asked.service, resource=asked.resource, who=call.identity.name, operation=operation,
        )  # fmt: skip

    return operated(call, "apply", work)


def torn_down(call: Call) -> Reply:
    asked = call.body

    def work(progress: Progress, operation: str) -> Any:
        return call.director.teardown(
            call.dataflow, asked.plan_hash, frozenset(asked.confirmed), progress,
            service=asked.service, resource=asked.resource, who=call.identity.name, operation=operation,
        )  # fmt: skip

    return operated(call, "teardown", work)


def rolled_back(call: Call) -> Reply:
    asked = call.body

    def work(progress: Progress, operation: str) -> Any:
        return call.director.rollback(
            call.dataflow, asked.plan_hash, frozenset(asked.confirmed), progress,
            who=call.identity.name, operation=operation,
        )  # fmt: skip

    return operated(call, "rollback", work)


def changes_of(plan: Any) -> tuple[Change, ...]:
    return tuple(Change(action=one.action, kind=one.kind, name=one.name, reasons=tuple(one.reasons)) for one in plan)
