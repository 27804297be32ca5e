"""JSON Schemas that payloads are checked with: compiled once, when the configuration is read.

Nothing is ever fetched: a reference leads to another place of the same schema, or the schema is refused. Patterns run
on an engine whose time is linear in the text, so no payload can stall it; it knows neither look-around nor
backreferences. `format` is checked, not just noted.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

LARGEST_SCHEMA = 1_000_000  # bytes of a file


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    """A JSON Schema, ready to check documents."""

    document: dict[str, Any]
    _validator: Any = field(compare=False, repr=False)

    @classmethod
    def parse(cls, given: object) -> "PayloadSchema":
        """From a schema written out, or the path of a JSON file. Raises ValueError with what to do."""
        if isinstance(given, str):
            given = _read(Path(given))
        if not isinstance(given, dict):
            raise ValueError("is no JSON Schema; write one as a mapping, or name a JSON file that holds one")
        try:
            validator = jsonschema_rs.validator_for(
                given, validate_formats=True, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
            )
        except jsonschema_rs.ValidationError as error:
            raise ValueError(f"is no usable JSON Schema: {error.message}{_at(error.instance_path)}") from error
        return cls(given, validator)

    def fault(self, document: Any) -> str | None:
        """The first thing that is wrong with a document, and where; None where it fits."""
        try:
            self._validator.validate(document)
        except jsonschema_rs.ValidationError as error:
            return f"{error.message}{_at(error.instance_path)}"
        return None


def _read(path: Path) -> Any:
    try:
        if not path.is_file():
            raise ValueError(f"{str(path)!r} is no file; name a JSON file with the schema")
        with path.open("rb") as file:
            content = file.read(LARGEST_SCHEMA + 1)
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_SCHEMA:
        raise ValueError(f"{str(path)!r} is larger than {LARGEST_SCHEMA:,} bytes")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{str(path)!r} is no JSON: {error}") from error


def _refuse(reference: str) -> Any:
    raise ValueError(f"{reference} is not fetched; copy what it holds into $defs")


def _at(path: list[str | int]) -> str:
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in path]
    return f", at /{'/'.join(parts)}" if parts else ""
