"""From a call to an operation: begun once however often it is asked for, and waited for unless that is declined."""

from functools import partial
from typing import Any

from director.errors import Unknown
from director.operations.endings import digest, good, record
from director.operations.model import Asked, Kind, NoSuchPart, Operation, Progress, Work
from director.rest.answers import Done
from director.rest.problems import BadInput, Mistake, NotAsWanted
from director.rest.route import Call, Reply

PATIENCE = 540.0  # seconds
LONGEST_KEY = 64  # characters


def operated(call: Call, kind: Kind, work: Work) -> Reply:
    """202 with the operation where `Prefer: respond-async` asks for that or it takes too long, else its end."""
    call.director.description(call.dataflow)  # an unknown one raises here, before there is an operation
    key, body = _repeat(call)
    asked = Asked(kind, call.dataflow, call.identity.name, call.request_id, *_part(call.body), key, body)
    operation, new = call.parts.operations.begin(asked, partial(_worked, work), good, partial(_record, call))
    if call.trail and new:
        call.trail.handed_over = True
    if "respond-async" in call.headers.get("Prefer", "").lower():
        return _accepted(operation, {"Preference-Applied": "respond-async"})
    final = call.parts.operations.wait(operation.id, PATIENCE)
    return _end(final) if final.over else _accepted(final, {})


def not_in_there(error: Unknown) -> NoSuchPart:
    """The dataflow is there and theirs to see, so a wrong name within it may be told."""
    return NoSuchPart(str(error))


def _worked(work: Work, progress: Progress, operation: str) -> Any:
    try:
        return work(progress, operation)
    except Unknown as error:
        raise not_in_there(error) from error


def _part(asked: Any) -> tuple[str | None, str | None]:
    """Service and resource; a rollback is of the whole."""
    return getattr(asked, "service", None), getattr(asked, "resource", None)


def _repeat(call: Call) -> tuple[str | None, str]:
    """A key is its caller's own, for one dataflow and one thing to do."""
    given = call.headers.get("Idempotency-Key")
    body = digest(call.body.model_dump_json())
    if given is None:
        return None, body
    if not 0 < len(given) <= LONGEST_KEY or not given.isascii() or not given.isprintable():
        message = f"must be 1-{LONGEST_KEY} printable characters, such as a UUID"
        raise BadInput([Mistake(pointer="Idempotency-Key", message=message)])
    action = type(call.body).__name__
    return digest("\0".join((call.identity.way, call.identity.name, action, call.dataflow, given))), body


def _record(call: Call, final: Operation) -> None:
    if call.trail:
        record(call.trail, final)


def _accepted(operation: Operation, headers: dict[str, str]) -> Reply:
    return Reply(operation, 202, {"Location": f"/v1/operations/{operation.id}", **headers})


def _end(final: Operation) -> Reply:
    if final.state == "succeeded":
        return Reply(Done(dataflow=final.dataflow, operation=final.id, resources=final.resources))
    status, code, message = _why(final)
    details = final.fault.details if final.fault else {}
    resources = [one.model_dump() for one in final.resources]
    raise NotAsWanted(status, code, message, **{**details, "operation": final.id, "resources": resources})


def _why(final: Operation) -> tuple[int, str, str]:
    if final.fault:
        return final.fault.status, final.fault.code, final.fault.message
    if final.state != "failed":
        return 409, final.state, f"operation {final.id} was {final.state}; see resources for how far it came"
    refused = any(one.result == "refused" for one in final.resources)
    message = f"dataflow '{final.dataflow}' is not as wanted; see resources for what to change"
    return (409, "refused", message) if refused else (502, "failed", message)
