"""Flags, file and director make one config, checked once; what is no field is left for Beam."""

from pathlib import Path

import pytest

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.config import parse_flags
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.warehouse.config import WarehouseConfig
from director.strict import DocumentError

EDGES = ["--subscription=projects/p/subscriptions/s", "--dead_letter_topic=projects/p/topics/d"]


def test_flags_alone_are_enough_and_the_rest_is_left_over() -> None:
    flags = [*EDGES, "--bucket=bucket", '--key=["a", "b"]', "--runner=DirectRunner", "--streaming"]
    parsed = parse_flags(flags, ArchiveConfig, "archive")
    assert parsed.config == ArchiveConfig(
        subscription="projects/p/subscriptions/s",
        dead_letter_topic="projects/p/topics/d",
        bucket="bucket",
        key=("a", "b"),
    )
    assert parsed.rest == ["--runner=DirectRunner", "--streaming"]


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(
        "subscription: projects/p/subscriptions/s\ndead_letter_topic: projects/p/topics/d\n"
        "topic: projects/p/topics/t\ncollection: devices\nfields: {name: name}\nwindow_seconds: 60\n"
    )
    config = parse_flags([f"--config={file}", "--window_seconds=300"], EnrichmentConfig, "enrichment").config
    assert (config.window_seconds, config.fields) == (300, {"name": "name"})


def test_a_problem_in_a_file_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("bucket: b\nprefx: p\n")
    with pytest.raises(DocumentError) as caught:
        parse_flags([f"--config={file}", *EDGES], ArchiveConfig, "archive")
    assert [(one.line, one.path) for one in caught.value.problems] == [(1, "bucket"), (2, "prefx")]


def problems(flags: list[str]) -> dict[str, str]:
    with pytest.raises(DocumentError) as caught:
        parse_flags(flags, WarehouseConfig, "warehouse")
    return {problem.path: problem.message for problem in caught.value.problems}


def test_every_problem_is_told_at_once() -> None:
    columns = '[{"name": "a b", "type": "STRING", "attribute": "x"}, {"name": "c", "type": "TEXT", "literal": "x"}]'
    found = problems(["--subscription=s", "--table=t", f"--columns={columns}"])
    assert set(found) == {"subscription", "dead_letter_topic", "table", "columns[0].name", "columns[1].type"}


def test_a_column_has_one_origin() -> None:
    columns = '[{"name": "a", "type": "STRING"}]'
    assert "give one of" in problems([*EDGES, "--table=p.d.t", f"--columns={columns}"])["columns[0]"]


def test_json_that_is_none_names_the_flag() -> None:
    assert problems(["--columns=[{"]).keys() == {"--columns"}
