"""Enriched messages, the same for all contenders."""

from benchmarks.enrichment import workload
from bridge import envelope

DEVICES, HALLS = 10_000, 100


def enriched(count: int, folders: int = HALLS) -> list[bytes]:
    """Messages of the enrichment's race with what the job appends to them; places take turns."""
    window = envelope.attributes({"window.start": "2026-01-02T03:04:00Z", "window.end": "2026-01-02T03:05:00Z"})
    return [raw + _device(number, folders) + window for number, raw in enumerate(workload.messages(count, DEVICES))]


def _device(number: int, folders: int) -> bytes:
    known = {"device.name": f"Sensor {number % DEVICES}", "device.location": f"hall-{number % folders}"}
    return envelope.attributes({**known, "device.serviceTag": "environment", "enrichment.status": "ok"})
