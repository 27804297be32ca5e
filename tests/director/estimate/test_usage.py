"""Usages are strict documents about the names of one architecture."""

from pathlib import Path

import pytest

from director.documents.loading import load_texts
from director.estimate.usage import TopicUse, Usage, entering, read
from director.strict import DocumentError, load
from tests.director.estimate.plants import HEAD, TOPICS, plant

TABLES = """
bigquery_datasets: [{name: warm}, {name: cold}]
bigquery_tables:
  - {name: rows, dataset: warm, schema: [{name: a, type: STRING}]}
  - {name: rows, dataset: cold, schema: [{name: a, type: STRING}]}
  - {name: more, dataset: cold, schema: [{name: a, type: STRING}]}
"""
ARCHITECTURE = plant(TOPICS + TABLES).architecture


def written(folder: Path, text: str) -> Path:
    file = folder / "usage.yaml"
    file.write_text(text)
    return file


def problems(file: Path) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(file, ARCHITECTURE)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def test_every_problem_is_told_with_its_place(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "defaults: {messages_per_second: many}\ntopics:\n  readigns: {share: 1}\n  readings: {shares: 1}\n",
    )
    found = problems(file)
    assert len(found) == 3
    assert any(line.startswith("1:") and "write a number" in line for line in found)
    assert any(line.startswith("3:") and "no 'readigns' in the topics of 'plant'" in line for line in found)
    assert any(line.startswith("4:") and "did you mean 'share'?" in line for line in found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("topics: {readings: {share: 1, messages_per_second: 1}}", "keep one of the two"),
        ("topics: {readings: {share: -1}}", "greater than or equal to 0"),
        ("tables: {rows: {row_bytes: 10}}", "several of the bigquery_tables are called 'rows'; write warm.rows or"),
        ("tables: {more: {}, cold.more: {}}", "is the same as 'more'; keep one"),
        ("buckets: {readings: {}}", "no 'readings' in the gcs_buckets of 'plant'"),
        ("tables: {more: {stored_months: 0}}", "greater than 0"),
        ("- a\n- b\n", "is not a mapping"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert any(problem in line for line in problems(written(tmp_path, text)))


def test_tables_stand_under_their_full_names(tmp_path: Path) -> None:
    said = read(written(tmp_path, "tables: {warm.rows: {row_bytes: 1}, more: {row_bytes: 2}}"), ARCHITECTURE)
    assert {name: use.row_bytes for name, use in said.tables.items()} == {"warm.rows": 1, "cold.more": 2}


def test_names_go_without_the_suffix_of_the_environment(tmp_path: Path) -> None:
    hub = HEAD.replace("location: europe-west1\n", "location: europe-west1\nname_suffix: test\n")
    topics = "      topics: [{name: readings, message_retention_duration: 10m}]\n"
    architecture = load_texts({"hub.yaml": hub + topics}, "hub.yaml").architecture
    said = read(written(tmp_path, "topics: {readings: {share: 2}}"), architecture)
    assert said.topics == {"readings-test": TopicUse(share=2.0)}


def test_a_table_that_only_ends_like_the_suffix_is_no_other_one(tmp_path: Path) -> None:
    hub = HEAD.replace("location: europe-west1\n", "location: europe-west1\nname_suffix: test\n")
    tables = """\
      bigquery_datasets: [{name: warm}]
      bigquery_tables:
        - {name: rows, dataset: warm, schema: [{name: a, type: STRING}]}
        - {name: rows_test, dataset: warm, schema: [{name: a, type: STRING}]}
"""
    architecture = load_texts({"hub.yaml": hub + tables}, "hub.yaml").architecture
    said = read(written(tmp_path, "tables: {rows: {row_bytes: 1}, warm.rows_test: {row_bytes: 2}}"), architecture)
    assert {name: use.row_bytes for name, use in said.tables.items()} == {"warm_test.rows": 1, "warm_test.rows_test": 2}


def test_a_secret_that_another_dataflow_refers_to_is_one(tmp_path: Path) -> None:
    hub = (
        f"{HEAD}      secrets: [{{name: mqtt, create: true}}]\n  water: {{resources: {{secrets: [{{name: mqtt}}]}}}}\n"
    )
    architecture = load_texts({"hub.yaml": hub}, "hub.yaml").architecture
    said = read(written(tmp_path, "secrets: {mqtt: {versions: 2}}"), architecture)
    assert said.secrets["mqtt"].versions == 2


def test_what_is_said_on_the_command_line_comes_before_the_defaults_of_the_file(tmp_path: Path) -> None:
    said = read(written(tmp_path, "defaults: {messages_per_second: 1, bytes: 2}"), ARCHITECTURE)
    assert entering(9, None, said).defaults.model_dump() == {"messages_per_second": 9, "bytes": 2}
    assert entering(None, None, said) == said


def test_the_usage_of_the_documentation_is_one() -> None:
    text = (Path(__file__).parents[3] / "docs/estimate.md").read_text().split("```yaml\n")[1].split("```")[0]
    said = load(text, Usage)
    assert all(getattr(said, section) for section in Usage.model_fields)
