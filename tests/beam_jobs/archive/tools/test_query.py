"""Questions to an archive in SQL: the same answers whatever the format of its objects."""

import base64
import builtins
import csv
import json
from collections.abc import Callable
from typing import Any

import pytest

from bridge import envelope
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.envelopes import archived, envelopes
from tests.beam_jobs.archive.parts import Archived, message

TIMES = ["2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z", "2026-01-03T03:00:00.123456Z"]


@pytest.fixture(params=["jsonl.gz", "jsonl.zst", "parquet"])
def query(request: Any, bucket: Any, capsys: Any) -> Callable[..., Any]:
    """Exit code, rows and what was said besides."""
    payloads = [b'{"t": 1}', b"\xff\x00", "ü\x00,\n".encode()]
    raw = [
        message(str(number), payload, ce_time=time, device__location=f"h{number}") + envelope.ordering_key("k")
        for number, (time, payload) in enumerate(zip(TIMES, payloads, strict=True))
    ]
    archived(bucket.name, raw, format=request.param)

    def run(*words: object) -> tuple[int, list[Any], str]:
        code = conduct("archive", "query", f"gs://{bucket.name}/archive", *words, "--json")
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


def test_every_message_is_a_row_with_all_of_it(query: Any, bucket: Any) -> None:
    code, rows, _ = query("SELECT * FROM archive ORDER BY event_time")
    assert code == 0
    assert [row["id"] for row in rows] == ["0", "1", "2"]
    last = rows[2]
    assert last["event_time"] == "2026-01-03T03:00:00.123456"
    assert last["attributes"]["device.location"] == "h2"
    assert last["attributes"]["ce-time"] == TIMES[2]
    assert (last["payload"], rows[1]["payload"]) == ("ü\x00,\n", None)
    assert base64.b64decode(rows[1]["payload_bytes"]) == b"\xff\x00"
    assert last["ordering_key"] == "k"
    assert last["object"] in Archived(bucket).blobs


def test_attributes_payload_and_time_can_be_asked_about(query: Any) -> None:
    assert query("SELECT id FROM archive WHERE attributes['device.location'] = 'h1'")[1] == [{"id": "1"}]
    assert query("SELECT CAST(payload->>'t' AS INT) AS t FROM archive WHERE id = '0'")[1] == [{"t": 1}]
    by_day = "SELECT CAST(event_time AS DATE) AS day, COUNT(*) AS n FROM archive GROUP BY day ORDER BY day"
    assert query(by_day)[1] == [{"day": "2026-01-02", "n": 2}, {"day": "2026-01-03", "n": 1}]
    assert query("SELECT id FROM archive WHERE event_time >= '2026-01-02 04:00' AND event_time < '2026-01-03'")[1] == [
        {"id": "1"}
    ]


def test_a_range_leaves_out_what_is_not_in_it_and_does_not_fetch_it(query: Any, bucket: Any) -> None:
    for blob in list(bucket.list_blobs(prefix="archive/date=2026-01-03")):
        bucket.blob(blob.name).upload_from_string(b"would be damaged")
    code, rows, said = query("SELECT id FROM archive", "--from", TIMES[1], "--to", "2026-01-03T00:00:00Z")
    assert (code, rows, said) == (0, [{"id": "1"}], "")
    code, rows, said = query("SELECT id FROM archive ORDER BY id")
    assert (code, [row["id"] for row in rows]) == (1, ["0", "1"])
    assert "left out: archive/date=2026-01-03/" in said


def test_a_question_that_is_none_is_told_in_duckdb_s_words(query: Any) -> None:
    code, rows, said = query("SELECT nothing FROM archive")
    assert (code, rows) == (2, [])
    assert 'Referenced column "nothing" not found' in said


def test_an_archive_without_objects_is_an_empty_table(bucket: Any, capsys: Any) -> None:
    assert conduct("archive", "query", f"gs://{bucket.name}/none", "SELECT COUNT(*) AS n FROM archive", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"n": 0}


def test_answers_come_as_csv_or_as_a_table(bucket: Any, capsys: Any) -> None:
    archived(bucket.name, [message("1", b'a,"b"\n\x1b[31m')])
    place = f"gs://{bucket.name}/archive"
    assert conduct("archive", "query", place, "SELECT id, payload FROM archive", "--csv") == 0
    assert list(csv.reader(capsys.readouterr().out.splitlines(keepends=True))) == [
        ["id", "payload"],
        ["1", 'a,"b"\n\x1b[31m'],
    ]
    assert conduct("archive", "query", place, "SELECT id, payload FROM archive, range(1500)") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["id", "payload"]
    assert out[1] == '1   a,"b"\\n\\x1b[31m'
    assert out[-1] == "... only the first 1,000 rows; --json and --csv give all"


def test_many_random_messages_are_all_rows(bucket: Any, capsys: Any) -> None:
    raw = [envelope.parse(one) for one in envelopes(300, large=1)]
    archived(bucket.name, [one.SerializeToString() for one in raw])
    question = "SELECT COUNT(*) AS n, CAST(SUM(octet_length(payload_bytes)) AS BIGINT) AS octets FROM archive"
    assert conduct("archive", "query", f"gs://{bucket.name}/archive", question, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"n": 300, "octets": sum(len(one.data) for one in raw)}


def test_without_duckdb_it_says_what_to_install(bucket: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "duckdb":
            raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert conduct("archive", "query", f"gs://{bucket.name}/archive", "SELECT 1") == 2
    assert "pip install 'iot-dataflows[conductor]'" in capsys.readouterr().err
