"""Payload schemas are compiled when they are read, tell the first fault with its place, and fetch nothing."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.routes.schemas import LARGEST_SCHEMA, PayloadSchema

READING = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"properties": {"temp": {"$ref": "#/$defs/celsius"}, "a/b~": {"type": "string"}}}},
    "$defs": {"celsius": {"type": "number", "minimum": -90}},
}


def test_a_document_that_fits_has_no_fault() -> None:
    assert PayloadSchema.parse(READING).fault({"data": {"temp": 21.5}}) is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"data": {"temp": "hot"}}, ['"hot"', "number", "at /data/temp"]),
        ({"data": {"temp": -100}}, ["-90", "at /data/temp"]),
        ({"data": {"a/b~": 1}}, ["at /data/a~1b~0"]),
        ({}, ['"data" is a required property']),
        ([], ["object"]),
        (None, ["object"]),
    ],
)
def test_the_first_fault_is_told_with_its_place(document: Any, words: list[str]) -> None:
    fault = PayloadSchema.parse(READING).fault(document)
    assert fault is not None
    assert all(word in fault for word in words)


def test_a_schema_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "reading.json"
    file.write_text(json.dumps(READING))
    assert PayloadSchema.parse(str(file)) == PayloadSchema.parse(READING)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is no file"),
        (b"{", "is no JSON"),
        (b"[]", "is no JSON Schema"),
        (b" " * (LARGEST_SCHEMA + 1), "larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_holds_no_schema_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "reading.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        PayloadSchema.parse(str(file))


def test_neither_a_folder_nor_a_device_is_a_schema(tmp_path: Path) -> None:
    for path in (str(tmp_path), "/dev/zero", ""):
        with pytest.raises(ValueError, match="is no file"):
            PayloadSchema.parse(path)


@pytest.mark.parametrize("given", [7, True, None, [], {"type": "nope"}, {"pattern": "["}, {"$schema": "http://x/y"}])
def test_what_is_no_schema_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"is no (usable )?JSON Schema"):
        PayloadSchema.parse(given)


def test_a_reference_elsewhere_is_refused_and_never_fetched(tmp_path: Path) -> None:
    (tmp_path / "valid.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        for reference in (f"http://127.0.0.1:{server.getsockname()[1]}/x.json", f"file://{tmp_path}/valid.json"):
            with pytest.raises(ValueError, match=r"is not fetched; copy what it holds into \$defs"):
                PayloadSchema.parse({"$ref": reference})
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    with pytest.raises(ValueError, match="is no usable JSON Schema"):
        PayloadSchema.parse({"$ref": "valid.json"})


def test_patterns_take_time_linear_in_the_text() -> None:
    schema = PayloadSchema.parse({"pattern": "^(a+)+$"})
    began = time.perf_counter()
    assert schema.fault("a" * 100_000 + "b") is not None
    assert time.perf_counter() - began < 5.0
    with pytest.raises(ValueError, match="regex"):
        PayloadSchema.parse({"pattern": "(?=a)b"})


def test_formats_are_checked_whatever_the_draft() -> None:
    for draft in ("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"):
        schema = PayloadSchema.parse({"$schema": draft, "format": "date-time"})
        assert schema.fault("2026-01-01T00:00:00Z") is None
        assert schema.fault("yesterday") is not None


def test_deep_documents_and_schemas_of_themselves_are_checked_to_the_end() -> None:
    schema = PayloadSchema.parse({"items": {"$ref": "#"}, "not": {"const": 7}})
    deep: Any = 7
    for _ in range(900):
        deep = [deep]
    assert "at /0/0" in str(schema.fault(deep))
    assert PayloadSchema.parse({"$ref": "#"}).fault(1) is None
