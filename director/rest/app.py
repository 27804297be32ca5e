"""The Flask application: the routes, what stands behind them, and the same manners for every answer."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden
from werkzeug.routing import BaseConverter

from director.names import ID_PATTERN
from director.operations.events import Events
from director.operations.operations import OneOutcome, Operation, Operations
from director.operations.store import OperationStore
from director.rest import openapi
from director.rest.bodies import LARGEST
from director.rest.door import measured, request_id, view
from director.rest.figures import Figures
from director.rest.limits import BURST, PER_SECOND, REFUSALS, REFUSALS_PER_SECOND, Buckets
from director.rest.problems import fault, response, told
from director.rest.route import Parts, Route
from director.rest.routes import ROUTES
from director.safety.audit import Audit, MemoryRecords, Records
from director.safety.authentication import Anyone, Authenticator
from director.safety.authorization import Authorization, everything_here
from director.safety.policy import Grant
from director.service import Director

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
EXTENSION = "director"  # where the application keeps its Parts


class IdConverter(BaseConverter):
    """Names in addresses; anything else is no address of ours."""

    regex = ID_PATTERN


@dataclass(frozen=True, slots=True)
class Safety:
    """Who may come in and what is kept of it. As it stands: anyone on this machine, in memory."""

    authenticator: Authenticator = field(default_factory=Anyone)
    grants: Iterable[Grant] = field(default_factory=lambda: (everything_here(),))
    records: Records = field(default_factory=MemoryRecords)
    store: OperationStore = field(default_factory=OperationStore)
    limits: Buckets = field(default_factory=lambda: Buckets(PER_SECOND, BURST))
    refusals: Buckets = field(default_factory=lambda: Buckets(REFUSALS_PER_SECOND, REFUSALS))


def create_app(
    director: Director,
    hosts: Iterable[str] | None = LOOPBACK_HOSTS,
    safety: Safety | None = None,
    stopping: Callable[[], bool] = lambda: False,
    routes: Iterable[Route] = ROUTES,
) -> Flask:
    """`hosts` are the names under which it may be addressed, None for any; `stopping` ends what streams."""
    routes = tuple(routes)
    parts = _parts(director, safety or Safety(), stopping, routes)
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST, PROPAGATE_EXCEPTIONS=False)
    app.config["TRUSTED_HOSTS"] = None if hosts is None else list(hosts)
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter
    app.extensions[EXTENSION] = parts
    app.before_request(_refuse_other_sites)
    app.after_request(partial(_with_headers, parts))
    app.register_error_handler(Exception, _refused)
    for route in routes:
        app.add_url_rule(
            route.path, route.name, view(route, parts), methods=[route.method], provide_automatic_options=False
        )
    _recover(parts)
    return app


def close(app: Flask, seconds: float = 5.0) -> None:
    """Ends what runs, between resources; what takes longer is told as interrupted by the next start."""
    parts: Parts = app.extensions[EXTENSION]
    parts.operations.close(seconds)


def _parts(director: Director, safety: Safety, stopping: Callable[[], bool], routes: tuple[Route, ...]) -> Parts:
    events = Events()

    def tell(kind: str, operation: Operation, one: OneOutcome | None) -> None:
        data = {"operation": operation.id, "kind": operation.kind, "state": operation.state}
        events.tell(kind, operation.dataflow, data | ({"resource": one.model_dump()} if one else {}))

    operations = Operations(safety.store, fault, tell)
    return Parts(
        director=director,
        authenticator=safety.authenticator,
        authorization=Authorization(safety.grants),
        audit=Audit(safety.records),
        operations=operations,
        events=events,
        figures=Figures(operations.counts),
        limits=safety.limits,
        refusals=safety.refusals,
        stopping=stopping,
        document=json.dumps(openapi.document(routes)),
    )


def _recover(parts: Parts) -> None:
    """What the process before this one did not end gets its outcome now."""
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
