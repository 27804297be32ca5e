"""What Firestore costs."""

import pytest

from tests.director.estimate.plants import TOPICS, gaps, lines, plant, usage

COLLECTION = """
firestore_collections:
  - name: devices
    documents_file: devices.yaml
    consumers: [{name: job, lookup: {key: devices}}]
"""
SEEDS = {"devices.yaml": "d-1: {name: one}\n"}


def test_seeds_are_stored_and_reads_are_for_people_to_say() -> None:
    blueprint = plant(TOPICS + COLLECTION, SEEDS)
    size = len("d-1") + len('{"name": "one"}') + 32
    assert lines(blueprint)["devices", "stored"].quantity == pytest.approx(size / 2**30)
    assert "collections.devices.reads_per_second" in gaps(blueprint)["devices", "reads and writes"]


def test_what_the_usage_says_is_read_written_deleted_and_stored() -> None:
    said = {"reads_per_second": 2, "writes_per_second": 1, "deletes_per_second": 0.5, "stored_gib": 3}
    blueprint = plant(TOPICS + COLLECTION, SEEDS)
    found = lines(blueprint, usage(collections={"devices": said}))
    quantities = {what: line.quantity for (name, what), line in found.items() if name == "devices"}
    assert quantities == {"stored": 3, "reads": 52.56, "writes": 26.28, "deletes": 13.14}  # 2,628,000 s
    assert ("devices", "reads and writes") not in gaps(blueprint, usage(collections={"devices": said}))
