"""The REST door behind gunicorn: one process with threads, Google's clients opened only after it has forked.

Which addresses may be served at all is said in `access`.
"""

import ipaddress
import logging
import socket
import struct
import uuid
from collections.abc import Callable
from typing import Any

import gunicorn.http.wsgi  # type: ignore[import-untyped]
import gunicorn.util  # type: ignore[import-untyped]
import gunicorn.workers.gthread  # type: ignore[import-untyped]
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from director.errors import Misconfigured
from director.rest.problems import Told, response

THREADS = 16
GRACE = 8  # seconds requests have to end after SIGTERM
PATIENCE = 5  # seconds a caller may say nothing in the middle of a request
BEFORE_A_WORD = 0.5  # seconds a thread waits for the first; after that only the poller does
SILENCE = 60  # seconds after which a process that no longer stirs is replaced; a long request is no silence
LONGEST_LINE, LONGEST_HEADER = 8_190, 8_190  # bytes
Stopping = Callable[[], bool]


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound, not yet listening; port 0 takes a free one. Raises Misconfigured where that cannot be."""
    address = _address(host)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. gunicorn itself sets no limit, so a few silent callers would hold every thread.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
    try:
        bound.bind((str(address), port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise Misconfigured(f"port {port} cannot be opened ({reason}); choose another with --port") from error
    return bound


def address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(bound: socket.socket, application: Callable[[Stopping], Flask], close: Callable[[Flask], None]) -> None:
    """Serves until SIGTERM or SIGINT, then exits the process. Takes the socket over.

    `application` is called in the process that serves, with what tells whether that is about to stop; `close` at its
    end.
    """
    gunicorn.http.wsgi.SERVER = "director"  # which server we run on is nobody's business
    gunicorn.util.write_error = _turn_away
    gunicorn.workers.gthread.DEFAULT_WORKER_DATA_TIMEOUT = BEFORE_A_WORD
    logging.getLogger("gunicorn.error").addFilter(_is_news)
    _Server(bound, application, close).run()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError as error:
        raise Misconfigured(f"--host {host!r} is no address of this machine; use 127.0.0.1") from error


def _is_news(record: logging.LogRecord) -> bool:
    """A caller that was cut off for its silence is not worth a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


def _turn_away(sock: Any, status: int, reason: str, message: str) -> None:
    """What gunicorn refuses by itself, told like all else; without its message, which quotes the request."""
    code = reason.lower().replace(" ", "_").replace("uri_too_long", "too_long")
    request_id = uuid.uuid4().hex
    answer = response(Told(status, code, f"{reason}; see the limits in docs/rest.md"), request_id)
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {answer.content_type}\r\n"
    head += f"X-Request-Id: {request_id}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
    head += f"Content-Length: {answer.content_length}\r\n\r\n"
    gunicorn.util.write_nonblock(sock, head.encode() + answer.get_data())


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(
        self, bound: socket.socket, application: Callable[[Stopping], Flask], close: Callable[[Flask], None]
    ) -> None:
        self._bound = bound
        self._address = address(bound)  # asked now: gunicorn takes the socket over
        self._application = application
        self._close = close
        self._worker: Any = None
        self._served: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"fd://{self._bound.detach()}",
            "worker_class": "gthread",
            "workers": 1,  # an apply is exclusive within one process
            "threads": THREADS,
            "timeout": SILENCE,
            "graceful_timeout": GRACE,
            "keepalive": 5,
            "preload_app": False,  # gRPC does not survive a fork
            "control_socket_disable": True,
            "limit_request_line": LONGEST_LINE,
            "limit_request_fields": 50,
            "limit_request_field_size": LONGEST_HEADER,
            "forwarded_allow_ips": "",
            "loglevel": "warning",
            "post_fork": self._forked,
            "post_worker_init": self._announce,
            "worker_exit": self._leave,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        self._served = self._application(lambda: not self._worker.alive)
        return self._served

    def _forked(self, server: Any, worker: Any) -> None:
        self._worker = worker

    def _leave(self, server: Any, worker: Any) -> None:
        if self._served is not None:
            self._close(self._served)

    def _announce(self, worker: Any) -> None:
        if worker.age == 1:  # a replacement takes over in silence
            print(f"director ready on {self._address}", flush=True)  # noqa: T201
