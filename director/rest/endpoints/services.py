"""A service's own: its slice of the configuration, and the handshake with which it starts."""

import time

from werkzeug.http import parse_etags

from director.documents.configuration import Configuration
from director.rest.answers import Slice
from director.rest.endpoints.dataflows import changes_of
from director.rest.problems import NotAsWanted
from director.rest.route import Call, Reply, etag_of

LOOK_UP = 1.0  # seconds: how long a call that waits may keep the server from stopping
COME_BACK = 10  # seconds, for those for whom there is no room to wait


def configured(call: Call) -> Reply:
    """With `wait`, once it is another than the caller has; or what they have, when the time is over."""
    turns = call.parts.turns
    number = turns.number
    found = _own(call)
    if not call.query.wait or not _has(call, found):
        return Reply(found)
    if not turns.waiters.acquire(blocking=False):
        return Reply(found, headers={"Retry-After": str(COME_BACK)})
    try:
        return Reply(_awaited(call, found, number))
    finally:
        turns.waiters.release()


def _awaited(call: Call, found: Slice, number: int) -> Slice:
    """Whoever waited is asked again whether they may: grants come and go with versions as well."""
    end = time.monotonic() + call.query.wait
    while _has(call, found) and not call.parts.stopping() and (left := end - time.monotonic()) > 0:
        turned = call.parts.turns.after(number, min(left, LOOK_UP))
        if turned != number:
            service = call.arguments["service"]
            call.parts.authorization.authorize(call.identity, "read_configuration", call.dataflow, service)
            number, found = turned, _own(call)
    return found


def _has(call: Call, found: Slice) -> bool:
    return parse_etags(call.headers.get("If-None-Match")).contains_weak(etag_of(found.model_dump_json()))


def _own(call: Call) -> Slice:
    return _slice(call.director.configuration(call.dataflow, call.arguments["service"]))


def registered(call: Call) -> Reply:
    """A service gets its configuration once all it is linked to is there."""
    service = call.arguments["service"]
    missing = changes_of(call.director.missing(call.dataflow, service))
    if missing:
        message = f"service '{service}' cannot start: resources are missing; apply dataflow '{call.dataflow}' first"
        raise NotAsWanted(409, "not_ready", message, changes=[change.model_dump() for change in missing])
    return Reply(_own(call))


def _slice(found: Configuration) -> Slice:
    return Slice(
        project=found.project,
        dataflow=found.dataflow,
        service=found.service,
        config=dict(found.config),
        environment=dict(found.environment),
    )
