"""Pages a service shows about itself: `/livez` (and `/healthz`), `/readyz`, `/metrics`. PUBLIC, light.

`live` and `ready` give the reason why not, or None; a page answers 200 with `ok`, or 503 with that reason. `remark` is
what someone should know of a service that is ready all the same.
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
Page = Callable[[], tuple[int, str, bytes]]
PLAIN = "text/plain; charset=utf-8"
SLOWEST_CALLER = 10.0  # seconds to send a request


class HealthServer:
    """Serves the pages on loopback or where told, on a thread of its own. Raises OSError where the port is taken."""

    def __init__(
        self,
        port: int,
        live: Reason,
        ready: Reason,
        registry: CollectorRegistry,
        host: str = "127.0.0.1",
        remark: Reason = lambda: None,
    ) -> None:
        pages: dict[str, Page] = {
            "/livez": lambda: _verdict(live()),
            "/healthz": lambda: _verdict(live()),
            "/readyz": lambda: _verdict(ready(), remark()),
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
        }
        try:
            self._server = ThreadingHTTPServer((host, port), type("_Pages", (_Pages,), {"pages": pages}))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise OSError(
                f"port {port} of {host} cannot be opened ({why}): choose another with --health_port"
            ) from error
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
    pages: dict[str, Page]
    timeout = SLOWEST_CALLER

    def do_GET(self) -> None:
        status, kind, body = self._page()
        self.send_response_only(status)  # without a Server header: what we run on is nobody's business
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def _page(self) -> tuple[int, str, bytes]:
        page = self.pages.get(self.path.partition("?")[0])
        if page is None:
            return 404, PLAIN, b"no such page\n"
        try:
            return page()
        except Exception:  # who cannot tell how it is must not be taken for well
            log.exception("the page %s failed", self.path)
            return 503, PLAIN, b"cannot tell, see the log\n"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        log.debug(format, *args)


def _verdict(reason: str | None, remark: str | None = None) -> tuple[int, str, bytes]:
    words = reason or (f"ok ({remark})" if remark else "ok")
    return (503 if reason else 200), PLAIN, f"{words}\n".encode()
