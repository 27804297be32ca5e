"""Lines as the content of an object, and the lines again: JSON lines in gzip or zstd, or Parquet.

The same lines make the same bytes, as long as the libraries that compress stay the same.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Literal

import pyarrow as pa
from isal import igzip
from pyarrow import parquet

from beam_jobs.archive.lines import line, payload_of, read
from bridge import envelope

FormatName = Literal["jsonl.gz", "jsonl.zst", "parquet"]
GZIP_LEVEL, ZSTD_LEVEL = 2, 3
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("publish_time", pa.string()),  # RFC 3339: nanoseconds of the years 1 to 9999 fit into no timestamp
        ("message_id", pa.string()),
        ("ordering_key", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("payload", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write lines; `encode` and `decode` are each other's inverse."""

    name: FormatName
    content_type: str
    encode: Callable[[Sequence[bytes]], bytes]
    decode: Callable[[bytes], list[bytes]]


def text_of(lines: Iterable[bytes]) -> bytes:
    """Lines, each ended by a newline: what an object's `sha256` is of, whatever its format."""
    return b"\n".join([*lines, b""])


def lines_in(text: bytes) -> list[bytes]:
    """The lines of a text. Nothing but a newline ends one."""
    return text.split(b"\n")[:-1]


def _gzip(lines: Sequence[bytes]) -> bytes:
    made: bytes = igzip.compress(text_of(lines), GZIP_LEVEL, mtime=0)
    return made


def _from_gzip(content: bytes) -> list[bytes]:
    return lines_in(igzip.decompress(content))


def _zstd(lines: Sequence[bytes]) -> bytes:
    made: bytes = pa.Codec("zstd", ZSTD_LEVEL).compress(text_of(lines), asbytes=True)
    return made


def _from_zstd(content: bytes) -> list[bytes]:
    return lines_in(pa.input_stream(io.BytesIO(content), compression="zstd").read())


def _parquet(lines: Sequence[bytes]) -> bytes:
    rows = [read(one) for one in lines]
    entries = [entry for row in rows for entry in row["attributes"].items()]
    ends = accumulate([len(row["attributes"]) for row in rows], initial=0)
    columns = [
        [row["id"] for row in rows],
        [envelope.moment(row["event_time"]) for row in rows],
        [row["publish_time"] for row in rows],
        [row.get("message_id", "") for row in rows],
        [row.get("ordering_key", "") for row in rows],
        pa.MapArray.from_arrays(list(ends), [name for name, _ in entries], [value for _, value in entries]),
        [payload_of(row) for row in rows],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(arrays, SCHEMA), sink, compression="zstd", compression_level=ZSTD_LEVEL)
    made: bytes = sink.getvalue().to_pybytes()
    return made


def _from_parquet(content: bytes) -> list[bytes]:
    table = parquet.read_table(pa.BufferReader(content)).combine_chunks()
    maps = table["attributes"].combine_chunks()
    entries = list(zip(maps.keys.to_pylist(), maps.items.to_pylist(), strict=True))
    spans = pairwise(maps.offsets.to_pylist())
    rest = [table[name].to_pylist() for name in ("payload", "message_id", "ordering_key", "publish_time")]
    return [line(_message(dict(entries[a:b]), *row)).json for (a, b), *row in zip(spans, *rest, strict=True)]


def _message(attributes: dict[str, str], payload: bytes, message_id: str, ordering_key: str, published: str) -> Any:
    message = envelope.parse(envelope.data(payload) + envelope.attributes(attributes))
    message.message_id, message.ordering_key = message_id, ordering_key
    message.publish_time.FromJsonString(published)
    return message


FORMATS: dict[FormatName, Format] = {
    "jsonl.gz": Format("jsonl.gz", "application/gzip", _gzip, _from_gzip),
    "jsonl.zst": Format("jsonl.zst", "application/zstd", _zstd, _from_zstd),
    "parquet": Format("parquet", "application/vnd.apache.parquet", _parquet, _from_parquet),
}
