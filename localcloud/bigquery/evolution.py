"""How a table's schema may change: new NULLABLE or REPEATED fields, and REQUIRED relaxed to NULLABLE.

https://cloud.google.com/bigquery/docs/managing-table-schemas
"""

from collections.abc import Iterator

from localcloud.bigquery.errors import invalid
from localcloud.bigquery.names import TableName
from localcloud.bigquery.schema import Field, Schema, column_definition, column_type, quoted


def evolved(name: TableName, storage: str, old: Schema, new: Schema) -> tuple[Schema, list[str]]:
    """The schema after the change, in the order BigQuery keeps, and the statements that bring `storage` there.

    Raises HttpError for a change that would break existing rows or readers.
    """
    change = _Change(name, quoted(storage))
    schema = change.fields(old, new, ())
    return schema, list(change.statements)


class _Change:
    def __init__(self, name: TableName, storage: str) -> None:
        self._name = name
        self._storage = storage
        self.statements: list[str] = []

    def fields(self, old: Schema, new: Schema, path: tuple[str, ...]) -> Schema:
        wanted = {each.name.lower(): each for each in new}
        kept = []
        for each in old:
            successor = wanted.pop(each.name.lower(), None)
            if successor is None:
                raise self._mismatch(f"Field {_dotted(path, each)} is missing in new schema")
            kept.append(self._kept(each, successor, path))
        return (*kept, *(self._added(each, path) for each in wanted.values()))

    def _kept(self, old: Field, new: Field, path: tuple[str, ...]) -> Field:
        dotted = _dotted(path, old)
        if (old.type, old.max_length, old.precision, old.scale) != (new.type, new.max_length, new.precision, new.scale):
            raise self._mismatch(f"Field {dotted} has changed type from {_spelled(old)} to {_spelled(new)}")
        if old.mode != new.mode and (old.mode, new.mode) != ("REQUIRED", "NULLABLE"):
            raise self._mismatch(f"Field {dotted} has changed mode from {old.mode} to {new.mode}")
        if old.mode != new.mode and not path:
            self._alter(f"ALTER COLUMN {quoted(old.name)} DROP NOT NULL")
        step = (*path, old.name, "element") if old.repeated else (*path, old.name)
        children = self.fields(old.fields, new.fields, step)
        return Field(
            old.name, old.type, new.mode, children, new.max_length, new.precision, new.scale, new.kept or old.kept
        )

    def _added(self, new: Field, path: tuple[str, ...]) -> Field:
        if new.required:
            raise self._mismatch(f"Cannot add required fields to an existing schema. (field: {_dotted(path, new)})")
        if path:
            place = ".".join(quoted(step) for step in (*path, new.name))
            self._alter(f"ADD COLUMN {place} {column_type(new)}")
        else:
            self._alter(f"ADD COLUMN {column_definition(new)}")
        return new

    def _alter(self, what: str) -> None:
        self.statements.append(f"ALTER TABLE {self._storage} {what}")

    def _mismatch(self, what: str) -> Exception:
        return invalid(f"Provided Schema does not match Table {self._name}. {what}")


def _dotted(path: tuple[str, ...], each: Field) -> str:
    return ".".join((*(step for step in path if step != "element"), each.name))


def _spelled(each: Field) -> str:
    sizes: Iterator[int] = (size for size in (each.max_length, each.precision, each.scale) if size is not None)
    inside = ", ".join(map(str, sizes))
    return f"{each.type}({inside})" if inside else each.type
