"""What `conductor archive verify` finds: nothing in a sound archive, and every planted fault by its name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from beam_jobs.archive.reading.catalogue import COMPACTED
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.tools.tables import ids
from beam_jobs.errors import Misconfigured, RetryLater
from localcloud.ports import free_port
from tests.beam_jobs.archive.conductors import conduct
from tests.beam_jobs.archive.envelopes import archived
from tests.beam_jobs.archive.parts import Archived, message
from tests.beam_jobs.warehouse.conftest import bigquery_client  # noqa: F401 - fixture

TIMES = [f"2026-01-02T0{number}:00:00.000000Z" for number in range(6)]
MESSAGES = [
    message(str(number), b"%d" % number, ce_time=time, device__location=f"h{number % 3}")
    for number, time in enumerate(TIMES)
]


@pytest.fixture
def verify(bucket: Any, capsys: Any) -> Callable[..., Any]:
    """Exit code, findings and the rest; what is not listed is found at once."""
    archived(bucket.name, MESSAGES)

    def run(*words: object) -> tuple[int, set[tuple[str, str, str]], Any]:
        code = conduct("archive", "verify", f"gs://{bucket.name}/archive", "--settling", "0s", "--json", *words)
        out, err = capsys.readouterr()
        report = json.loads(out) if out else {"findings": [], "err": err}
        return code, {(one["what"], one["where"], one["name"]) for one in report["findings"]}, report

    return run


def test_a_sound_archive_has_no_findings(verify: Any, bucket: Any, capsys: Any) -> None:
    code, findings, report = verify("--deep")
    assert (code, findings, report["objects"], report["messages"]) == (0, set(), 3, 6)
    assert conduct("archive", "verify", f"gs://{bucket.name}/archive") == 0
    assert "all as it should be" in capsys.readouterr().out


def test_each_fault_is_named(verify: Any, bucket: Any, capsys: Any) -> None:
    first, second, third = sorted(Archived(bucket).blobs)
    bucket.blob(first).delete()
    bucket.blob(second).upload_from_string(b"x")
    unlisted = third.replace("location=h2", "location=other")
    bucket.copy_blob(bucket.blob(third), bucket, unlisted)
    bucket.blob("archive/notes").upload_from_string(b"")
    wanted = {
        ("missing", "objects", first),
        ("altered", "objects", second),
        ("unlisted", "manifest", unlisted),
        ("stranger", "objects", "archive/notes"),
    }
    assert verify()[:2] == (1, wanted)
    assert verify("--deep")[:2] == (1, wanted | {("damaged", "objects", second)})
    assert conduct("archive", "verify", f"gs://{bucket.name}/archive") == 1
    out = capsys.readouterr().out
    assert "1 objects are not listed, and were written a moment ago" in out
    assert "1 missing (objects)" in out


def test_content_that_the_service_would_not_notice_is_found_by_reading_it(verify: Any, bucket: Any) -> None:
    """The manifest lists the object as it lies there, and its lines are others."""
    name = min(Archived(bucket).blobs)
    (entry,) = [one for one in Archived(bucket).entries if one.name == name]
    for blob in list(bucket.list_blobs(prefix="archive/_manifest/")):
        content = blob.download_as_bytes().replace(entry.sha256.encode(), b"0" * 64)
        bucket.blob(blob.name).upload_from_string(content)
    assert verify()[:2] == (0, set())
    assert verify("--deep")[:2] == (1, {("damaged", "objects", name)})


def test_an_id_with_two_payloads_is_altered_and_one_that_came_twice_is_counted(verify: Any, bucket: Any) -> None:
    archived(bucket.name, [MESSAGES[0] + b"\x1a\x017"])
    code, findings, report = verify("--deep")
    assert (code, findings, report["repeated_ids"]) == (0, set(), 1)
    archived(bucket.name, [message("1", b"other", ce_time=TIMES[1])])
    assert verify("--deep")[:2] == (1, {("altered", "archive", "1")})


def test_what_compaction_leaves_on_its_way_is_no_finding(verify: Any, bucket: Any) -> None:
    name = min(Archived(bucket).blobs)
    copy = bucket.copy_blob(bucket.blob(name), bucket, name.replace("location=h0", "location=new"))
    copy.metadata = {COMPACTED: "true"}
    copy.patch()
    code, findings, report = verify()
    assert (code, findings, report["unfinished_objects"]) == (0, set(), 1)


def test_a_part_of_the_manifest_that_is_none_is_told(verify: Any, bucket: Any) -> None:
    bucket.blob("archive/_manifest/date=2026-01-02/hour=03/x.jsonl").upload_from_string(b"[]\n")
    code, _, report = verify()
    assert code == 2
    assert "archive/_manifest/date=2026-01-02/hour=03/x.jsonl" in report["err"]


@pytest.fixture
def table(bigquery_client: bigquery.Client) -> Callable[..., str]:  # noqa: F811
    """A table with ids, event times and payloads."""

    def make(rows: list[tuple[str | None, str, str]], payload: str = "STRING") -> str:
        bigquery_client.create_dataset("archived", exists_ok=True)
        name = f"test-project.archived.t{len(list(bigquery_client.list_tables('archived')))}"
        schema = [bigquery.SchemaField(*one) for one in (("ce_id", "STRING"), ("event_time", "TIMESTAMP"))]
        bigquery_client.create_table(bigquery.Table(name, [*schema, bigquery.SchemaField("payload", payload)]))
        documents = [dict(zip(("ce_id", "event_time", "payload"), row, strict=True)) for row in rows]
        if documents:
            assert bigquery_client.insert_rows_json(name, documents) == []
        return name

    return make


def test_ids_of_a_table_are_held_against_those_of_the_archive(verify: Any, table: Any) -> None:
    rows = [(str(number), time, str(number)) for number, time in enumerate(TIMES)]
    assert verify("--table", table(rows))[:2] == (0, set())
    faulty = table([*rows[1:], rows[1], ("x", TIMES[3], "x"), ("early", "2026-01-01T00:00:00Z", "")])
    found = {("missing", "table", "0"), ("duplicate", "table", "1"), ("stranger", "table", "x")}
    code, findings, report = verify("--table", faulty)
    assert (code, findings, report["rows"]) == (1, found | {("stranger", "table", "early")}, 8)
    span = ("--from", TIMES[1], "--to", TIMES[5])
    assert verify("--table", faulty, *span)[:2] == (1, found - {("missing", "table", "0")})


def test_payloads_of_a_table_are_held_against_the_archive_s_on_request(verify: Any, table: Any) -> None:
    rows = [(str(number), time, str(number)) for number, time in enumerate(TIMES)]
    altered = table([*rows[1:], ("0", TIMES[0], "other")])
    assert verify("--table", altered)[0] == 0
    assert verify("--table", altered, "--payload-column", "payload")[:2] == (1, {("altered", "table", "0")})


def test_a_table_or_column_that_is_not_there_is_told(verify: Any, table: Any) -> None:
    assert verify("--table", "test-project.archived.none")[0] == 2
    code, _, report = verify("--table", table([]), "--column", "nothing")
    assert (code, "--column" in report["err"]) == (2, True)
    assert verify("--table", table([]), "--column", "a`b")[0] == 2
    assert verify("--table", "archived.none")[0] == 2


def test_rows_without_an_id_are_one_finding(verify: Any, table: Any) -> None:
    rows = [(str(number), time, str(number)) for number, time in enumerate(TIMES)]
    code, findings, report = verify("--table", table([*rows, (None, TIMES[0], "x"), (None, TIMES[1], "y")]))
    assert (code, findings, report["rows"]) == (1, {("stranger", "table", "")}, 8)
    assert report["findings"][0]["why"] == "2 rows have no id"


def test_a_payload_column_that_is_neither_text_nor_bytes_is_told(verify: Any, table: Any) -> None:
    made = table([("0", TIMES[0], "{}")], payload="JSON")
    code, _, report = verify("--table", made, "--payload-column", "payload")
    assert (code, "payload is of type JSON" in report["err"]) == (2, True)
    code, _, report = verify("--table", made, "--column", "event_time")
    assert (code, "event_time is of type TIMESTAMP" in report["err"]) == (2, True)


def test_a_bigquery_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RetryLater, match=r"p\.d\.t"):
        ids("p.d.t", "ce_id", "event_time", Span(), patience=0.1)


def test_credentials_that_bigquery_cannot_use_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of a workload whose token file is gone: that shows with the first call."""
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    given = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(tmp_path / "gone")},
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "given.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    with pytest.raises(Misconfigured, match="credentials"):
        ids("p.d.t", "ce_id", "event_time", Span(), patience=0.1)
