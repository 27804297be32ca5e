"""`conductor schema`: what is printed can be pasted; exit code 1 where a table does not fit, bad input is an error."""

import argparse
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from beam_jobs.archive.lines import line
from beam_jobs.warehouse.commands import schema
from beam_jobs.warehouse.config import WarehouseConfig
from bridge import envelope
from director.strict import DocumentError, parse
from tests.beam_jobs.warehouse.tables import Table

EXAMPLE = Path(__file__).parents[3] / "examples" / "environment" / "architecture.yaml"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    schema(parser)
    given = parser.parse_args(arguments)
    code: int = given.command(given)
    return code


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return document


def test_the_module_is_cheap_to_import() -> None:
    program = (
        "import sys; import beam_jobs.warehouse.commands;"
        "print(sorted({'apache_beam', 'grpc', 'duckdb', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_infer_gives_a_mapping_and_a_table_of_payloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"temp": 1}\n\n{"temp": 1.5, "on": true}\nno json\n')
    assert run("infer", "--samples", str(samples), "--table", "hall") == 0
    shown = capsys.readouterr()
    assert shown.err == "1 lines are no JSON and were left out\n"
    document = yaml.safe_load(shown.out)
    assert {"name": "temp", "type": "FLOAT64", "pointer": "/temp"} in document["columns"]
    assert {"name": "on", "type": "BOOL", "pointer": "/on"} in document["columns"]
    (table,) = document["bigquery_tables"]
    assert (table["name"], table["time_partitioning_field"], table["clustering_fields"]) == (
        "hall",
        "event_time",
        ["device"],
    )
    assert [one["name"] for one in table["schema"]] == [one["name"] for one in document["columns"]]
    config = {
        "subscription": "projects/p/subscriptions/s",
        "dead_letter_topic": "projects/p/topics/t",
        "table": "p.d.hall",
        "columns": document["columns"],
    }
    assert len(parse(config, WarehouseConfig).columns) == 8


@pytest.mark.parametrize("payload", [b'{"temp": 1.5}', b'{"temp": "\xff"}'])
def test_infer_takes_payloads_out_of_lines_of_the_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], payload: bytes
) -> None:
    facts = {"ce-id": "1", "ce-time": "2026-01-02T03:04:05Z"}
    archived = line(envelope.parse(envelope.data(b'{"temp": 2.5}') + envelope.attributes(facts))).json
    other = line(envelope.parse(envelope.data(payload) + envelope.attributes(facts))).json
    path = tmp_path / "part.jsonl.gz"
    path.write_bytes(gzip.compress(archived + b"\n" + other + b"\n"))
    assert run("infer", "--samples", str(path), "--payload-only") == 0
    assert printed(capsys)["columns"] == [{"name": "temp", "type": "FLOAT64", "pointer": "/temp"}]


def test_infer_reads_standard_input_and_no_more_than_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n{"b": 1}\n')))
    assert run("infer", "--samples", "-", "--payload-only", "--most", "1") == 0
    assert [one["name"] for one in printed(capsys)["columns"]] == ["a"]


def test_infer_takes_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("infer", "--model", "director.documents.specs.pubsub:RetryPolicy", "--payload-only") == 0
    assert [one["name"] for one in printed(capsys)["columns"]] == ["minimum_backoff", "maximum_backoff"]


def test_nothing_to_infer_from_is_bad_input(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("no json\n")
    with pytest.raises(DocumentError, match="has no line that is JSON"):
        run("infer", "--samples", str(empty))
    with pytest.raises(OSError, match="No such file"):
        run("infer", "--samples", str(tmp_path / "none"))


def test_show_gives_the_schema_that_the_example_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", str(EXAMPLE)) == 0
    (shown,) = printed(capsys)["bigquery_tables"]
    dataflow = EXAMPLE.parent / "dataflows" / "environment.yaml"
    resources = yaml.safe_load(dataflow.read_text())["resources"]
    wanted = next(one for one in resources["bigquery_tables"] if one["name"] == "environment")
    assert shown["schema"] == wanted["schema"]


def config_of(tmp_path: Path, **more: Any) -> str:
    path = tmp_path / "warehouse.yaml"
    columns = [
        {"name": "ce_id", "type": "STRING", "mode": "REQUIRED", "attribute": "ce-id"},
        {"name": "facts", "type": "JSON", "pointer": "/facts"},
        {"name": "written_at", "type": "TIMESTAMP", "mode": "REQUIRED", "envelope": "now"},
    ]
    path.write_text(json.dumps({"columns": columns, **more}))
    return str(path)


def test_show_compares_with_a_live_table(table: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", config_of(tmp_path), "--against", table.name) == 0
    assert capsys.readouterr().out.endswith("the table takes these rows\n")
    table.recreate([*table.columns[:1], *table.columns[2:]])
    assert run("show", config_of(tmp_path), "--against", table.name) == 1
    assert "column facts JSON NULLABLE is wanted, but the table has none" in capsys.readouterr().out
    table.client.delete_table(table.name)
    with pytest.raises(OSError, match="NOT_FOUND"):
        run("show", config_of(tmp_path), "--against", table.name)


def test_show_says_what_is_wrong_with_a_config(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"columns\[0\]"):
        run("show", config_of(tmp_path, columns=[{"name": "x", "type": "STRING"}]))
    with pytest.raises(DocumentError, match="0 services 'nobody' with columns in the dataflows; name another"):
        run("show", str(EXAMPLE), "--service", "nobody")
    with pytest.raises(DocumentError, match="in dataflow other"):
        run("show", str(EXAMPLE), "--dataflow", "other")
    with pytest.raises(DocumentError, match="is not of the form PROJECT"):
        run("show", config_of(tmp_path), "--against", "table")
