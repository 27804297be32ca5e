"""Three pages a service shows about itself: `/livez`, `/readyz`, `/metrics`. PUBLIC, light.

`live` and `ready` give the reason why not, or None; a page answers 200 with `ok`, or 503 with that reason.
"""

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

log = logging.getLogger(__name__)

Reason = Callable[[], str | None]


class HealthServer:
    """Serves the pages on loopback or where told, on a thread of its own. Raises OSError where the port is taken."""

    def __init__(
        self, port: int, live: Reason, ready: Reason, registry: CollectorRegistry, host: str = "127.0.0.1"
    ) -> None:
        pages: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/livez": lambda: _verdict(live()),
            "/readyz": lambda: _verdict(ready()),
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
        }
        try:
            self._server = ThreadingHTTPServer((host, port), type("_Pages", (_Pages,), {"pages": pages}))
        except OSError as error:
            reason = f"port {port} cannot be opened ({error.strerror}): choose another with --health_port"
            raise OSError(reason) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Pages(BaseHTTPRequestHandler):
    pages: dict[str, Callable[[], tuple[int, str, bytes]]]
    server_version = "iot-dataflows"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.pages.get(self.path)
        status, kind, body = page() if page else (404, "text/plain; charset=utf-8", b"no such page\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        log.debug(format, *args)


def _verdict(reason: str | None) -> tuple[int, str, bytes]:
    return (503 if reason else 200), "text/plain; charset=utf-8", f"{reason or 'ok'}\n".encode()
