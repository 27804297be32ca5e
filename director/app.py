"""The Flask application around a Director: limits, headers, and every error as JSON."""

import logging
import re
import uuid
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, HTTPException

from director.errors import Busy, Rejected, Unavailable, Unknown
from director.routes import EXTENSION, IdConverter, door, problem
from director.service import Director
from director.strict import printable

LARGEST_BODY = 256 * 1024  # bytes
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_CODES = {
    400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
    415: "unsupported_media_type",
}  # fmt: skip

log = logging.getLogger(__name__)


def create_app(director: Director, hosts: Iterable[str] = LOOPBACK_HOSTS) -> Flask:
    """`hosts` are the names under which the application may be addressed."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, TRUSTED_HOSTS=list(hosts), PROPAGATE_EXCEPTIONS=False)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter
    app.extensions[EXTENSION] = director
    app.before_request(_refuse_other_sites)
    app.after_request(_with_headers)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Unknown, _unknown)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(Rejected, _rejected)
    app.register_error_handler(Exception, _bug)
    app.register_blueprint(door)
    return app


def request_id() -> str:
    """The caller's own id of the request where it is a sane one, else ours."""
    found: str | None = request.environ.get("director.request_id")
    if found is None:
        given = request.headers.get("X-Request-Id", "")
        found = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.environ["director.request_id"] = found
    return found


def _refuse_other_sites() -> None:
    """A page of another site may send a POST from this machine's browser; its Origin gives it away."""
    request_id()
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("this call came from a page of another site")


def _with_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _http_error(error: HTTPException) -> Response:
    request_id()
    status = error.code or 500
    message = "nothing here under this address; check the names in it" if status == 404 else str(error.description)
    response = problem(status, _CODES.get(status, "error"), message)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _unknown(error: Unknown) -> Response:
    return problem(404, "not_found", "nothing here under this address; check the names in it")


def _busy(error: Busy) -> Response:
    return problem(409, "busy", str(error))


def _unavailable(error: Unavailable) -> Response:
    log.warning("request %s: %s", request_id(), printable(str(error)))
    response = problem(503, "cloud_unavailable", "Google's services do not answer now; try again")
    response.headers["Retry-After"] = "5"
    return response


def _rejected(error: Rejected) -> Response:
    log.warning("request %s: %s", request_id(), printable(str(error)))
    return problem(502, "cloud_refused", str(error))


def _bug(error: Exception) -> Response:
    log.error("request %s failed", request_id(), exc_info=error)
    return problem(500, "internal", "an error of the director itself; its log has the request id")
