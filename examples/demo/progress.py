"""How far every stage is: from the ledger and from what the programs count themselves."""

import http.client
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from examples.demo.addresses import Addresses
from examples.demo.ledger import Delivered, LedgerReader
from localcloud.ports import HOST

_SAMPLE = re.compile(r"^(\w+(?:\{[^}]*\})?) ([0-9.eE+-]+)$", re.MULTILINE)
_ANSWERS = re.compile(r'^job_details_total\{name="(process|redis|firestore)_(\w+)"\}$')
SERVICES = ("bridge", "enrichment", "warehouse", "archive")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Messages past each stage so far; copies count."""

    published: int
    bridged: int
    enriched: int
    rows: int
    archived: int
    dead_lettered: int

    def items(self) -> Iterator[tuple[str, int]]:
        for field in fields(self):
            yield field.name.replace("_", "-"), getattr(self, field.name)


class Total:
    """A count over the lives of the process that counts: one started again begins at 0."""

    def __init__(self) -> None:
        self._earlier = self._now = 0

    def update(self, count: int) -> None:
        if count < self._now:
            self._earlier += self._now
        self._now = count

    @property
    def value(self) -> int:
        return self._earlier + self._now


class Progress:
    """Reads everything anew with each `snapshot`; a program that does not answer keeps its last count."""

    def __init__(self, addresses: Addresses, ledger: LedgerReader) -> None:
        self._addresses = addresses
        self._ledger = ledger
        self._totals: dict[tuple[str, str], Total] = {}
        self.sent: dict[str, Delivered] = {}
        self.sent_again = 0

    @property
    def start(self) -> float:
        """When the fleet started, Unix seconds."""
        return self._ledger.run.start if self._ledger.run else time.time()

    def snapshot(self) -> Snapshot:
        self._read_ledger()
        for service in SERVICES:
            for name, count in samples(getattr(self._addresses, service)).items():
                self._totals.setdefault((service, name), Total()).update(int(count))
        return Snapshot(
            published=len(self.sent),
            bridged=self._total("bridge", "bridge_published_total"),
            enriched=self._job("enrichment", "out"),
            rows=self._job("warehouse", "out"),
            archived=self._job("archive", "out"),
            dead_lettered=self._total("bridge", "bridge_dead_lettered_total")
            + sum(self._job(job, "dead_lettered") for job in SERVICES[1:]),
        )

    def lookups(self) -> dict[str, dict[str, int]]:
        """How often each layer of enrichment's cache gave which answer, devices of a batch counted once."""
        found: dict[str, dict[str, int]] = {"process": {}, "redis": {}, "firestore": {}}
        for (service, name), total in self._totals.items():
            answer = _ANSWERS.match(name)
            if service == "enrichment" and answer and total.value:
                found[answer[1]][answer[2]] = total.value
        return found

    def _read_ledger(self) -> None:
        for entry in self._ledger.read():
            self.sent_again += entry.id in self.sent
            self.sent[entry.id] = entry

    def _job(self, service: str, outcome: str) -> int:
        return self._total(service, f'job_messages_total{{outcome="{outcome}"}}')

    def _total(self, service: str, name: str) -> int:
        total = self._totals.get((service, name))
        return total.value if total else 0


def samples(port: int) -> Mapping[str, float]:
    """The Prometheus samples at `/metrics`; none while nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return {name: float(value) for name, value in _SAMPLE.findall(page)}
