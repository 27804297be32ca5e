"""Pages of a service: alive or why not, ready or why not, counters."""

from collections.abc import Iterator

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter

from bridge.health import HealthServer


class State:
    """What the service says of itself."""

    dead: str | None = None
    unready: str | None = None
    remark: str | None = None
    puzzled = False

    def ready(self) -> str | None:
        if self.puzzled:
            raise RuntimeError("a bug with a secret detail")
        return self.unready


@pytest.fixture
def pages() -> Iterator[tuple[str, State]]:
    state, registry = State(), CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    server = HealthServer(0, lambda: state.dead, state.ready, registry, remark=lambda: state.remark)
    server.start()
    yield f"http://127.0.0.1:{server.port}", state
    server.stop()


def page(url: str) -> tuple[int, str]:
    answer = requests.get(url, timeout=5)
    return answer.status_code, answer.text


def test_ready_says_why_not(pages: tuple[str, State]) -> None:
    url, state = pages
    assert page(f"{url}/readyz") == (200, "ok\n")
    state.unready = "not connected"
    assert page(f"{url}/readyz") == (503, "not connected\n")
    assert page(f"{url}/livez") == (200, "ok\n")


def test_healthz_is_another_name_of_livez(pages: tuple[str, State]) -> None:
    url, state = pages
    state.dead = "the network thread is dead"
    assert page(f"{url}/healthz") == page(f"{url}/livez") == (503, "the network thread is dead\n")


def test_a_remark_leaves_a_service_ready(pages: tuple[str, State]) -> None:
    url, state = pages
    state.remark = "a new configuration was refused"
    assert page(f"{url}/readyz?verbose") == (200, "ok (a new configuration was refused)\n")
    state.unready = "not connected"
    assert page(f"{url}/readyz") == (503, "not connected\n")


def test_who_cannot_tell_how_it_is_is_not_well(pages: tuple[str, State]) -> None:
    url, state = pages
    state.puzzled = True
    assert page(f"{url}/readyz") == (503, "cannot tell, see the log\n")


def test_a_port_in_use_says_which_flag_to_change(pages: tuple[str, State]) -> None:
    port = int(pages[0].rsplit(":", 1)[1])
    for taken in (port, 99_999):
        with pytest.raises(OSError, match=f"port {taken} .*--health_port"):
            HealthServer(taken, lambda: None, lambda: None, CollectorRegistry())


def test_metrics_are_prometheus_text(pages: tuple[str, State]) -> None:
    assert "things_total 3.0" in page(f"{pages[0]}/metrics")[1]


def test_there_is_no_other_page_and_no_word_of_what_serves_them(pages: tuple[str, State]) -> None:
    answer = requests.get(f"{pages[0]}/secret", timeout=5)
    assert answer.status_code == 404
    assert "Server" not in answer.headers
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
