"""Beam's own sink is refused before the graph is built where it cannot work; rows reach it in Beam's types."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.utils.timestamp import Timestamp

from beam_jobs.messages import HandedInEdges, NativeEdges
from beam_jobs.warehouse.beam_sink import Encode, WriteThroughBeam, as_dict, check_possible
from beam_jobs.warehouse.config import Column, WarehouseConfig
from beam_jobs.warehouse.pipeline import build
from beam_jobs.warehouse.rows import RowEncoder
from bridge import envelope
from director.strict import DocumentError

CONFIG = WarehouseConfig(
    subscription="projects/project-x/subscriptions/s",
    dead_letter_topic="projects/project-x/topics/dead",
    table="project-x.d.t",
    columns=(Column(name="ce_id", type="STRING", attribute="ce-id"),),
    method="storage_write_api",
)


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.usefixtures("no_java")
def test_without_java_it_is_refused_with_what_to_do() -> None:
    pipeline = beam.Pipeline()
    with pytest.raises(DocumentError) as caught:
        build(pipeline, CONFIG, NativeEdges())
    assert str(caught.value) == (
        "configuration: method: storage_write_api needs Java where the graph is built, and there is none; install a "
        "JRE, or use method: append_rows, which needs no Java"
    )
    assert pipeline.transforms_stack[0].parts == []


@pytest.mark.usefixtures("no_java")
def test_java_home_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    check_possible(NativeEdges())


def test_the_embedded_engine_has_no_java_sink() -> None:
    with pytest.raises(DocumentError, match="does not run on the embedded engine"):
        build(beam.Pipeline(), CONFIG, HandedInEdges("warehouse"))


def test_an_expansion_that_fails_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: Any, rows: Any) -> None:
        raise RuntimeError("cannot fetch the jar\nTraceback of pages")

    monkeypatch.setattr("beam_jobs.warehouse.beam_sink.WriteToBigQuery.expand", nowhere)
    monkeypatch.setattr("beam_jobs.warehouse.beam_sink.shutil.which", lambda _: "/usr/bin/java")
    with pytest.raises(DocumentError, match=r"Beam cannot build its sink: cannot fetch the jar, or use method"):
        build(beam.Pipeline(), CONFIG, NativeEdges())


def test_what_bigquery_refuses_there_is_a_dead_letter_with_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Beam's sink itself is replaced: by one that refuses every row."""

    class Written:
        def __init__(self, rows: Any) -> None:
            refused = beam.Map(lambda row: {"failed_row": row, "error_message": "too short"})
            self.failed_rows_with_errors = rows | "Refuse" >> refused

    monkeypatch.setattr("beam_jobs.warehouse.beam_sink.WriteToBigQuery.expand", lambda _, rows: Written(rows))
    encode = Encode(RowEncoder(CONFIG.columns), CONFIG.subscription)
    rows = encode([envelope.attribute("ce-id", "7")]).messages
    with test_pipeline.TestPipeline() as pipeline:
        letters = pipeline | beam.Create([rows]) | WriteThroughBeam(CONFIG) | beam.Map(_told)
        assert_that(letters, equal_to([("row_refused", "too short", b'{"ce_id":"7"}', "7")]))


def _told(raw: bytes) -> tuple[str, str, bytes, str]:
    letter = envelope.parse(raw)
    facts = letter.attributes
    return facts["dead_letter.reason"], facts["dead_letter.message"], letter.data, facts["ce-id"]


def test_rows_reach_it_in_beam_s_types() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    columns = (
        Column(name="id", type="STRING", attribute="ce-id"),
        Column(name="at", type="TIMESTAMP", envelope="now"),
        Column(name="day", type="DATE", envelope="now"),
        Column(name="price", type="NUMERIC", pointer="/price"),
        Column(name="tags", type="STRING", mode="REPEATED", pointer="/tags"),
        Column(name="none", type="INT64", pointer="/none"),
    )
    encoder = RowEncoder(columns)
    raw = envelope.data(b'{"price": 1.5, "tags": ["a"]}') + envelope.attribute("ce-id", "7")
    assert as_dict(columns, encoder.row_class.FromString(encoder.encode(raw, at))) == {
        "id": "7",
        "at": Timestamp.from_utc_datetime(at),
        "day": "2026-01-02",
        "price": Decimal("1.5"),
        "tags": ["a"],
        "none": None,
    }


def test_what_makes_no_row_is_a_dead_letter_before_the_sink() -> None:
    required = (Column(name="id", type="STRING", mode="REQUIRED", attribute="ce-id"),)
    result = Encode(RowEncoder(required), "projects/project-x/subscriptions/s")(
        [envelope.attribute("ce-id", "7"), envelope.data(b"x")]
    )
    assert (result.done, len(result.messages), len(result.dead_letters)) == (1, 1, 1)
