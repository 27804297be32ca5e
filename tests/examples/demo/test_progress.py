"""Counts of the programs, read over HTTP, over more than one life of each."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from examples.demo.addresses import Addresses
from examples.demo.ledger import LedgerReader
from examples.demo.progress import Progress, Total, samples
from localcloud.ports import HOST, free_port

PAGE = b"""# HELP bridge_published_total Messages Pub/Sub has.
# TYPE bridge_published_total counter
bridge_published_total 1234.0
job_messages_total{outcome="out"} 1.2e+06
job_messages_total{outcome="dead_lettered"} 3.0
job_details_total{name="process_hit"} 40.0
job_details_total{name="firestore_found"} 2.0
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer((HOST, 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_samples_are_read_with_their_labels(port: int) -> None:
    assert samples(port) == {
        "bridge_published_total": 1234.0,
        'job_messages_total{outcome="out"}': 1_200_000.0,
        'job_messages_total{outcome="dead_lettered"}': 3.0,
        'job_details_total{name="process_hit"}': 40.0,
        'job_details_total{name="firestore_found"}': 2.0,
    }


def test_layers_of_the_cache_are_told_apart(port: int, tmp_path: Path) -> None:
    addresses = Addresses(*(port for _ in Addresses.__slots__))
    progress = Progress(addresses, LedgerReader(tmp_path / "none"))
    progress.snapshot()
    assert progress.lookups() == {"process": {"hit": 40}, "redis": {}, "firestore": {"found": 2}}


def test_nobody_there_has_no_samples() -> None:
    assert samples(free_port()) == {}


def test_a_total_goes_on_when_its_process_starts_again() -> None:
    total = Total()
    for count in (10, 25, 3, 8, 0, 1):
        total.update(count)
    assert total.value == 25 + 8 + 1
