"""Whether what was written by one Avro schema can be read by another. Pure.

Source: https://avro.apache.org/docs/1.12.0/specification/#schema-resolution
"""

from typing import Any

from localcloud.pubsub.schemas.avro import Avro

_PROMOTED = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def unreadable(writer: Avro, reader: Avro) -> str | None:
    """Where the reader could not understand the writer, None where it always could."""
    return _Resolution(writer, reader).of(writer.root, reader.root, "")


class _Resolution:
    def __init__(self, writer: Avro, reader: Avro) -> None:
        self._writer = writer
        self._reader = reader
        self._met: set[tuple[str, str]] = set()  # records within themselves

    def of(self, written: Any, read: Any, path: str) -> str | None:
        kind, wanted = self._writer.kind(written), self._reader.kind(read)
        written, read = self._writer.resolved(written), self._reader.resolved(read)
        if kind == "union":
            return next((why for each in written if (why := self.of(each, read, path))), None)
        if wanted == "union":
            whys = [self.of(written, each, path) for each in read]
            return None if None in whys else f"{path or 'the message'}: {kind} is in no branch of the union"
        if kind != wanted:
            promoted = wanted in _PROMOTED.get(kind, ())
            return None if promoted else f"{path or 'the message'}: {kind} cannot be read as {wanted}"
        return self._inside(kind, written, read, path)

    def _inside(self, kind: str, written: Any, read: Any, path: str) -> str | None:
        if kind in ("record", "enum", "fixed") and _short(written) != _short(read):
            return f"{path or 'the message'}: {_short(written)} cannot be read as {_short(read)}"
        if kind == "record":
            return self._record(written, read, path)
        if kind == "array":
            return self.of(written["items"], read["items"], f"{path}[]")
        if kind == "map":
            return self.of(written["values"], read["values"], f"{path}{{}}")
        if kind == "fixed" and written["size"] != read["size"]:
            return f"{path}: {written['size']} bytes cannot be read as {read['size']}"
        if kind == "enum" and "default" not in read and (new := set(written["symbols"]) - set(read["symbols"])):
            return f"{path}: {', '.join(sorted(new))} is unknown, and there is no default"
        return None

    def _record(self, written: Any, read: Any, path: str) -> str | None:
        pair = written["name"], read["name"]
        if pair in self._met:
            return None
        self._met.add(pair)
        there = {field["name"]: field for field in written["fields"]}
        for field in read["fields"]:
            name = next((each for each in (field["name"], *field.get("aliases", ())) if each in there), None)
            if name is None and "default" not in field:
                return f"{path}{field['name']}: is missing, and has no default"
            if name and (why := self.of(there[name]["type"], field["type"], f"{path}{field['name']}.")):
                return why
        return None


def _short(schema: Any) -> str:
    return str(schema["name"]).rpartition(".")[2]
