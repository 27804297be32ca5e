"""The Flask application: the routes, what stands behind them, and the same manners for every answer."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden
from werkzeug.routing import BaseConverter

from director.documents.loading import Blueprint
from director.documents.model import Architecture
from director.operations.events import Events
from director.operations.file import FileOperations
from director.operations.model import OneOutcome, Operation
from director.operations.operations import Operations
from director.operations.pulse import SECONDS
from director.operations.store import OperationStore
from director.operations.vitals import Beside
from director.renewal import Renewal
from director.rest import openapi
from director.rest.door import measured, request_id, view
from director.rest.figures import Figures
from director.rest.limits import BURST, PER_SECOND, REFUSALS, REFUSALS_PER_SECOND, Buckets
from director.rest.problems import fault, response, told
from director.rest.route import ARGUMENTS, Parts, Route
from director.rest.routes import ROUTES
from director.rest.turns import Turns
from director.safety.audit import Audit, MemoryRecords, Records
from director.safety.authentication import Anyone, Authenticator
from director.safety.authorization import Authorization, everything_here
from director.safety.policy import Grant
from director.safety.untrusted import LARGEST
from director.service import Director
from director.versions.version import Version

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
EXTENSION = "director"  # where the application keeps its Parts


class IdConverter(BaseConverter):
    """Names in addresses; anything else is no address of ours."""

    regex = ARGUMENTS["id"]


class NumberConverter(BaseConverter):
    """Numbers from 1, as text."""

    regex = ARGUMENTS["number"]


@dataclass(frozen=True, slots=True)
class Safety:
    """Who may come in and what is kept of it. As it stands: anyone on this machine, in memory.

    `regranted` gives the grants that go with another version of the architecture; without it they stay.
    """

    authenticator: Authenticator = field(default_factory=Anyone)
    grants: Iterable[Grant] = field(default_factory=lambda: (everything_here(),))
    regranted: Callable[[Architecture], Iterable[Grant]] | None = None
    records: Records = field(default_factory=MemoryRecords)
    store: OperationStore = field(default_factory=FileOperations)
    lease_seconds: float = SECONDS  # of an operation
    limits: Buckets = field(default_factory=lambda: Buckets(PER_SECOND, BURST))
    refusals: Buckets = field(default_factory=lambda: Buckets(REFUSALS_PER_SECOND, REFUSALS))


def create_app(
    director: Director,
    hosts: Iterable[str] | None = LOOPBACK_HOSTS,
    safety: Safety | None = None,
    stopping: Callable[[], bool] = lambda: False,
    routes: Iterable[Route] = ROUTES,
    renewal: Renewal | None = None,
) -> Flask:
    """`hosts` are the names under which it may be addressed, None for any; `stopping` ends what streams.

    With `renewal`, versions of the architecture can be seen and added, and what comes into force is told.
    """
    routes = tuple(routes)
    parts = _parts(director, safety or Safety(), stopping, routes, renewal)
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST, PROPAGATE_EXCEPTIONS=False)
    app.config["TRUSTED_HOSTS"] = None if hosts is None else list(hosts)
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"id": IdConverter, "number": NumberConverter}
    app.extensions[EXTENSION] = parts
    app.before_request(_refuse_other_sites)
    app.after_request(partial(_with_headers, parts))
    app.register_error_handler(Exception, _refused)
    for route in routes:
        app.add_url_rule(
            route.path, route.name, view(route, parts), methods=[route.method], provide_automatic_options=False
        )
    recover(parts)
    return app


def close(app: Flask, seconds: float = 5.0) -> None:
    """Ends what runs, between resources; what takes longer is told as interrupted by another director."""
    parts: Parts = app.extensions[EXTENSION]
    if parts.renewal is not None:
        parts.renewal.stop()
    parts.operations.close(seconds)
    parts.beside.close()


def _parts(
    director: Director,
    safety: Safety,
    stopping: Callable[[], bool],
    routes: tuple[Route, ...],
    renewal: Renewal | None,
) -> Parts:
    events, turns = Events(), Turns()

    def tell(kind: str, operation: Operation, one: OneOutcome | None) -> None:
        data = {"operation": operation.id, "kind": operation.kind, "state": operation.state}
        events.tell(kind, operation.dataflow, data | ({"resource": one.model_dump()} if one else {}))

    operations = Operations(safety.store, fault, tell, lease_seconds=safety.lease_seconds)
    authorization = Authorization(safety.grants)
    if renewal is not None:
        if safety.regranted is not None:
            renewal.follow(partial(_regrant, authorization, safety.regranted))
        renewal.follow(partial(_in_force, events, turns))
    return Parts(
        director=director,
        authenticator=safety.authenticator,
        authorization=authorization,
        audit=Audit(safety.records),
        operations=operations,
        events=events,
        figures=Figures(operations.counts),
        limits=safety.limits,
        refusals=safety.refusals,
        stopping=stopping,
        beside=Beside(),
        turns=turns,
        document=json.dumps(openapi.document(routes)),
        renewal=renewal,
    )


def _regrant(
    authorization: Authorization,
    grants: Callable[[Architecture], Iterable[Grant]],
    old: Blueprint,
    new: Blueprint,
    version: Version,
) -> None:
    authorization.renew(grants(new.architecture))


def _in_force(events: Events, turns: Turns, old: Blueprint, new: Blueprint, version: Version) -> None:
    """Wakes those who wait, and tells of each service whose slice is another."""
    turns.turn()
    before, after = old.configurations, new.configurations
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            dataflow, service = key
            events.tell("configuration.changed", dataflow, {"service": service, "version": version.number})


def recover(parts: Parts) -> None:
    """What directors that died did not end gets its outcome now."""
    for one in parts.operations.recover():
        facts = {"dataflow": one.dataflow, "service": one.service, "operation": one.id}
        parts.audit.interrupted(one.by, one.kind, one.request_id, **facts)


def _refuse_other_sites() -> None:
    """A page of another site may send a POST from this machine's browser; its Origin gives it away."""
    request_id()
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("this call came from a page of another site")


def _with_headers(parts: Parts, answer: Response) -> Response:
    answer.headers["X-Request-Id"] = request_id()
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    answer.headers["Referrer-Policy"] = "no-referrer"
    measured(parts, answer)
    return answer


def _refused(error: Exception) -> Response:
    return response(told(error, request_id()), request_id())
