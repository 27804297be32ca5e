"""The REST door behind gunicorn: one process with threads, Google's clients opened only after it has forked.

There is no authentication yet: an address other than loopback is refused.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import gunicorn.http.wsgi  # type: ignore[import-untyped]
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from director.errors import Misconfigured

THREADS = 16
GRACE = 8  # seconds requests have to end after SIGTERM


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound, not yet listening; port 0 takes a free one. Raises Misconfigured where that cannot be."""
    address = _loopback(host)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def serve(bound: socket.socket, application: Callable[[], Flask]) -> None:
    """Serves until SIGTERM or SIGINT, then exits the process; `application` is called in the process that serves.

    Takes the socket over.
    """
    gunicorn.http.wsgi.SERVER = "director"  # which server we run on is nobody's business
    _Server(bound, application).run()


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        found = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError as error:
        raise Misconfigured(f"--host {host!r} is no address of this machine; use 127.0.0.1") from error
    if not found.is_loopback:
        reason = "callers are not authenticated yet, so the director listens on this machine only"
        raise Misconfigured(f"--host {host} is refused: {reason}; use 127.0.0.1")
    return found


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, bound: socket.socket, application: Callable[[], Flask]) -> None:
        self._bound = bound
        self._address = address(bound)  # asked now: gunicorn takes the socket over
        self._application = application
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"fd://{self._bound.detach()}",
            "worker_class": "gthread",
            "workers": 1,  # an apply is exclusive within one process
            "threads": THREADS,
            "graceful_timeout": GRACE,
            "preload_app": False,
            "control_socket_disable": True,
            "limit_request_line": 2048,
            "limit_request_fields": 50,
            "forwarded_allow_ips": "",
            "loglevel": "warning",
            "post_worker_init": self._announce,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._application()

    def _announce(self, worker: Any) -> None:
        if worker.age == 1:  # a replacement takes over in silence
            print(f"director ready on {self._address}", flush=True)  # noqa: T201
