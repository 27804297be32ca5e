"""Three pages: alive or why not, ready or why not, counters."""

from collections.abc import Iterator

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter

from bridge.health import HealthServer


class State:
    reason: str | None = None


@pytest.fixture
def pages() -> Iterator[tuple[str, State]]:
    state, registry = State(), CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    server = HealthServer(0, lambda: None, lambda: state.reason, registry)
    server.start()
    yield f"http://127.0.0.1:{server.port}", state
    server.stop()


def test_ready_says_why_not(pages: tuple[str, State]) -> None:
    url, state = pages
    assert (requests.get(f"{url}/readyz", timeout=5).status_code) == 200
    state.reason = "not connected"
    answer = requests.get(f"{url}/readyz", timeout=5)
    assert (answer.status_code, answer.text) == (503, "not connected\n")
    assert requests.get(f"{url}/livez", timeout=5).text == "ok\n"


def test_a_port_in_use_says_which_flag_to_change(pages: tuple[str, State]) -> None:
    port = int(pages[0].rsplit(":", 1)[1])
    with pytest.raises(OSError, match=f"port {port} .*--health_port"):
        HealthServer(port, lambda: None, lambda: None, CollectorRegistry())


def test_metrics_are_prometheus_text(pages: tuple[str, State]) -> None:
    assert "things_total 3.0" in requests.get(f"{pages[0]}/metrics", timeout=5).text


def test_there_is_no_other_page(pages: tuple[str, State]) -> None:
    answer = requests.get(f"{pages[0]}/secret", timeout=5)
    assert answer.status_code == 404
    assert "Python" not in answer.headers["Server"]
