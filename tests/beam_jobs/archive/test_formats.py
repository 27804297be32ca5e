"""In every format the lines that went in come out, and the same lines make the same bytes."""

import gzip
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from beam_jobs.archive.formats import FORMATS, FormatName, text_of
from beam_jobs.archive.lines import line
from bridge import envelope
from tests.beam_jobs.archive.parts import FACTS


@st.composite
def lines(draw: st.DrawFn) -> list[bytes]:
    made = []
    for number in range(draw(st.integers(1, 6))):
        facts = draw(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=3))
        raw = envelope.attributes(facts | FACTS | {"ce-id": str(number)})
        message = envelope.parse(envelope.data(draw(st.one_of(st.binary(max_size=50), st.just(b"\r\n")))) + raw)
        message.message_id, message.ordering_key = (
            draw(st.sampled_from(["", "7"])),
            draw(st.sampled_from(["", "k\u2028"])),
        )
        message.publish_time.FromNanoseconds(draw(st.integers(0, 1_800_000_000_000_000_001)))
        made.append(line(message).json)
    return made


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=50)
@given(lines=lines())
def test_lines_come_back_byte_for_byte(name: FormatName, lines: list[bytes]) -> None:
    form = FORMATS[name]
    content = form.encode(lines)
    assert form.decode(content) == lines
    assert form.encode(lines) == content


def an_object(name: FormatName) -> bytes:
    raw = envelope.data(b"\xff") + envelope.attributes(FACTS | {"ce-id": "1", "device.location": "hall"})
    return FORMATS[name].encode([line(envelope.parse(raw)).json])


def test_gzip_is_what_gzip_reads_and_holds_no_time() -> None:
    content = an_object("jsonl.gz")
    assert gzip.decompress(content) == text_of(FORMATS["jsonl.gz"].decode(content))
    assert content[4:8] == b"\0\0\0\0"


def test_zstd_is_what_others_read() -> None:
    with pa.input_stream(pa.BufferReader(an_object("jsonl.zst")), compression="zstd") as stream:
        assert stream.read().endswith(b'"v":1}\n')


def test_parquet_has_a_column_for_each_part_of_a_message(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(an_object("parquet"))
    assert parquet.read_schema(path).names == [
        "id", "event_time", "publish_time", "message_id", "ordering_key", "attributes", "payload",
    ]  # fmt: skip
    query = f"SELECT id, attributes['device.location'], payload, event_time::VARCHAR FROM '{path}'"  # noqa: S608
    with duckdb.connect() as database:
        (row,) = database.execute("SET TimeZone='UTC'; " + query).fetchall()
    assert row[0] == "1"
    assert row[1] in ("hall", ["hall"])
    assert row[2:] == (b"\xff", "2026-01-02 03:04:05+00")
