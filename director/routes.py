"""The REST door: it decodes, asks the director, encodes. Nothing is decided here.

There is no authentication yet, so the server binds to loopback only (see `server`), and pages of other sites, which a
browser on this machine might show, are turned away by their Origin and by the host name they used (see `app`).
"""

import json
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.routing import BaseConverter

from director.configuration import Configuration
from director.names import ID_PATTERN
from director.resources.plan import Plan
from director.resources.provisioner import Report
from director.service import Director

door = Blueprint("v1", __name__)
EXTENSION = "director"  # where the application keeps its Director


class IdConverter(BaseConverter):
    """Names in addresses; anything else is no address of ours."""

    regex = ID_PATTERN


@door.get("/healthz")
def alive() -> Response:
    return jsonify(alive=True)


@door.get("/readyz")
def ready() -> Response:
    return jsonify(ready=bool(_director().dataflows()))


@door.get("/v1/dataflows")
def dataflows() -> Response:
    return jsonify(architecture=_director().architecture, dataflows=list(_director().dataflows()))


@door.get("/v1/dataflows/<id:dataflow>")
def dataflow(dataflow: str) -> Response:
    return jsonify(_director().description(dataflow))


@door.post("/v1/dataflows/<id:dataflow>:plan")
def plan(dataflow: str) -> Response:
    _expect_no_fields()
    return jsonify(dataflow=dataflow, changes=_changes(_director().plan(dataflow)))


@door.post("/v1/dataflows/<id:dataflow>:apply")
def apply(dataflow: str) -> Response:
    _expect_no_fields()
    report = _director().apply(dataflow)
    resources = _outcomes(report)
    if all(outcome.good for outcome in report):
        return jsonify(dataflow=dataflow, resources=resources)
    refused = any(outcome.result == "refused" for outcome in report)
    message = f"dataflow '{dataflow}' is not as wanted; see resources for what to change"
    return problem(409 if refused else 502, "refused" if refused else "failed", message, resources=resources)


@door.post("/v1/dataflows/<id:dataflow>:verify")
def verify(dataflow: str) -> Response:
    _expect_no_fields()
    missing = _director().verify(dataflow)
    if missing:
        message = f"dataflow '{dataflow}' is not as wanted; apply it, or see changes for what to do"
        return problem(409, "not_as_wanted", message, changes=_changes(missing))
    return jsonify(dataflow=dataflow, changes=[])


@door.get("/v1/dataflows/<id:dataflow>/services/<id:service>/config")
def configuration(dataflow: str, service: str) -> Response:
    return jsonify(_slice(_director().configuration(dataflow, service)))


@door.post("/v1/dataflows/<id:dataflow>/services/<id:service>:verify")
def register(dataflow: str, service: str) -> Response:
    """The start-up handshake: a service gets its configuration once all it is linked to is there."""
    _expect_no_fields()
    missing = _director().verify(dataflow, service)
    if missing:
        message = f"service '{service}' cannot start: resources are missing; apply dataflow '{dataflow}' first"
        return problem(409, "not_ready", message, changes=_changes(missing))
    return jsonify(_slice(_director().configuration(dataflow, service)))


def problem(status: int, code: str, message: str, **details: Any) -> Response:
    """Every error's body; `details` say more to programs."""
    error = {"code": code, "message": message, "request_id": request.environ.get("director.request_id", "")}
    response = jsonify(error=error, **details)
    response.status_code = status
    return response


def _director() -> Director:
    found: Director = current_app.extensions[EXTENSION]
    return found


def _expect_no_fields() -> None:
    """These calls take an empty body or an empty object. Raises 400, 413 or 415."""
    body = request.get_data(cache=False)
    request.stream.read(1)  # a body in chunks is merely cut at the limit; reading on past it raises 413
    if not body:
        return
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send application/json, or no body at all")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON; send {} or nothing") from error
    if not isinstance(document, dict):
        raise BadRequest("the body is not an object; send {} or nothing")
    if document:
        pointer = next(iter(document))[:64].replace("~", "~0").replace("/", "~1")
        raise BadRequest(f"/{pointer}: unknown field; this call takes none")


def _changes(plan: Plan) -> list[dict[str, Any]]:
    return [{"action": one.action, "kind": one.kind, "name": one.name, "reasons": list(one.reasons)} for one in plan]


def _outcomes(report: Report) -> list[dict[str, Any]]:
    return [{"result": one.result, "kind": one.kind, "name": one.name, "reason": one.reason} for one in report]


def _slice(found: Configuration) -> dict[str, Any]:
    return {
        "project": found.project,
        "dataflow": found.dataflow,
        "service": found.service,
        "config": found.config,
    }
