"""The register in a file is read again when it changes, and stays in force while it cannot be read."""

from pathlib import Path

import pytest

from beam_jobs.enrichment.cache.file import FileSource
from beam_jobs.enrichment.cache.layers import LayerUnavailable
from beam_jobs.enrichment.cache.records import Records
from beam_jobs.enrichment.cache.statistics import Statistics
from tests.beam_jobs.enrichment.parts import Clock, attributes

YAML = "d1: {name: N, floor: 3}\nd2: {}\n"
LINES = '{"id": "d1", "name": "N", "floor": 3}\n\n{"id": "d2"}\n'


def source(path: Path) -> FileSource:
    return FileSource(path, Records({"name": "name"}, Statistics()), Clock())


@pytest.mark.parametrize(("name", "text"), [("devices.yaml", YAML), ("devices.jsonl", LINES)])
def test_it_gives_encoded_records_and_absent_for_the_rest(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    entries = source(path).fetch(["d1", "d2", "d3", ""])
    assert attributes(entries["d1"].record) == {"device.name": "N", "enrichment.status": "ok"}
    assert attributes(entries["d2"].record) == {"enrichment.status": "ok"}
    assert entries["d3"].absent
    assert entries[""].absent
    assert entries["d1"].read_at == Clock().micros


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "devices.yaml"
    path.write_text(YAML)
    made = source(path)
    made.fetch(["d1"])
    path.write_text("d1: {name: Other}\n")
    assert attributes(made.fetch(["d1"])["d1"].record)["device.name"] == "Other"


@pytest.mark.parametrize("broken", ["d1: [", "- d1\n", "d1: text\n", ""])
def test_a_file_that_breaks_leaves_what_was_there_in_force(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "devices.yaml"
    path.write_text(YAML)
    made = source(path)
    made.fetch(["d1"])
    path.write_text(broken)
    assert attributes(made.fetch(["d1"])["d1"].record)["device.name"] == "N"
    path.unlink()
    assert attributes(made.fetch(["d1"])["d1"].record)["device.name"] == "N"


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "- d1\n"), ("a.jsonl", '{"name": "N"}\n'), ("b.jsonl", "{"), ("c.jsonl", "3\n")]
)
def test_a_file_that_was_never_read_is_unavailable_and_says_why(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(LayerUnavailable, match=name):
        source(path).fetch(["d1"])


def test_a_file_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(LayerUnavailable, match="no register in"):
        source(tmp_path / "devices.yaml").fetch(["d1"])
