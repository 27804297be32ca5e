"""Flags, file and director make one config, checked once; what is no field is left for Beam."""

from pathlib import Path

import pytest

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.config import parse_flags
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.warehouse.config import WarehouseConfig
from director.client import DirectorClient, DirectorUnavailable
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


ENRICHMENT = [*EDGES, "--topic=projects/p/topics/t", "--collection=devices", "--fields={}"]


def enrichment_problems(*flags: str) -> dict[str, str]:
    with pytest.raises(DocumentError) as caught:
        parse_flags([*ENRICHMENT, *flags], EnrichmentConfig, "enrichment")
    return {problem.path: problem.message for problem in caught.value.problems}


def test_windows_and_rollups_are_flags_too() -> None:
    flags = ["--allowed_lateness_seconds=0", "--on_late=dead_letter", "--rollup_topic=projects/p/topics/r"]
    flags.append('--rollups={"fields": {"temperature": "/data/temp"}, "early_seconds": 10}')
    config = parse_flags([*ENRICHMENT, *flags], EnrichmentConfig, "enrichment").config
    assert (config.allowed_lateness_seconds, config.on_late) == (0, "dead_letter")
    assert config.rollups is not None
    assert (dict(config.rollups.fields), config.rollups.early_seconds) == ({"temperature": "/data/temp"}, 10)
    assert config.rollup_topic == "projects/p/topics/r"


def test_rollups_are_off_unless_asked_for() -> None:
    config = parse_flags(ENRICHMENT, EnrichmentConfig, "enrichment").config
    assert (config.rollups, config.rollup_topic, config.on_late) == (None, None, "forward")


@pytest.mark.parametrize(
    ("flag", "path", "problem"),
    [
        ("--allowed_lateness_seconds=-1", "allowed_lateness_seconds", "greater than or equal to 0"),
        ("--window_seconds=0", "window_seconds", "greater than or equal to 1"),
        ("--on_late=drop", "on_late", "use 'forward' or 'dead_letter'"),
        ('--rollups={"fields": {}}', "rollups.fields", "at least 1"),
        ('--rollups={"fields": {"a b": "/t"}}', 'rollups.fields["a b"]', "must match"),
        ('--rollups={"fields": {"t": "t"}}', "rollups.fields.t", "begin with '/'"),
        (
            '--rollups={"fields": {"t": "/t"}, "early_seconds": 0}',
            "rollups.early_seconds",
            "greater than or equal to 1",
        ),
        ('--rollups={"fields": {"t": "/t"}, "late": 1}', "rollups.late", "unknown key"),
        ("--rollup_topic=r", "rollup_topic", "projects/PROJECT/topics/NAME"),
        ("--rollup_topic=projects/p/topics/r", "", "rollup_topic without rollups"),
        ('--rollups={"fields": {"t": "/t"}}', "", "rollups without rollup_topic"),
        ("--rollup_topic=projects/p/topics/t", "", "rollup_topic without rollups"),
    ],
)
def test_windows_and_rollups_that_cannot_work_are_said(flag: str, path: str, problem: str) -> None:
    assert problem in enrichment_problems(flag)[path]


@pytest.mark.parametrize("taken", ["projects/p/topics/t", "projects/p/topics/d"])
def test_rollups_have_a_topic_of_their_own(taken: str) -> None:
    found = enrichment_problems('--rollups={"fields": {"t": "/t"}}', f"--rollup_topic={taken}")
    assert "give rollups their own topic" in found[""]


def test_without_its_director_a_job_starts_with_what_it_was_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallback = tmp_path / "enrichment.yaml"
    fallback.write_text(
        "{subscription: projects/p/subscriptions/s, dead_letter_topic: projects/p/topics/d, "
        "topic: projects/p/topics/t, collection: devices, fields: {}}"
    )

    def away(client: DirectorClient, dataflow: str, service: str) -> None:
        raise DirectorUnavailable("nobody there")

    monkeypatch.setattr(DirectorClient, "register", away)
    asked = ["--director_url=http://127.0.0.1:1", "--collection=others"]
    found = parse_flags([*asked, f"--fallback_config={fallback}"], EnrichmentConfig, "enrichment")
    assert (found.config.topic, found.config.collection) == ("projects/p/topics/t", "others")
    assert found.remark == "started without the director, with the fallback configuration"
    with pytest.raises(DirectorUnavailable):
        parse_flags([*asked, f"--last_good={tmp_path / 'last.json'}"], EnrichmentConfig, "enrichment")
    with pytest.raises(OSError, match="--last_good does nothing without --director_url"):
        parse_flags([*ENRICHMENT, "--last_good=x"], EnrichmentConfig, "enrichment")
    assert parse_flags(ENRICHMENT, EnrichmentConfig, "enrichment").remark is None
