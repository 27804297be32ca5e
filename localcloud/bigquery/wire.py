"""Rows as BigQuery's REST API sends them: `{"f": [{"v": "1"}, {"v": null}]}`, every value a string.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/list
"""

import math
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.literals import SECOND, date_text, datetime_text, numeric_text, time_text
from localcloud.bigquery.schema import Field, Schema

Cells = list[Any]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the caller wants its rows; timestamps as whole microseconds or, as by default, as seconds."""

    whole_timestamps: bool = False

    def rows(self, table: pa.Table, schema: Schema) -> list[dict[str, Any]]:
        columns = [
            self._cells(column.combine_chunks(), each) for column, each in zip(table.columns, schema, strict=True)
        ]
        if not columns:
            return [{"f": []} for _ in range(table.num_rows)]
        return [{"f": [{"v": value} for value in row]} for row in zip(*columns, strict=True)]

    def _cells(self, array: pa.Array, each: Field) -> Cells:
        if each.repeated:
            return self._lists(array, each)
        return self._values(array, each)

    def _lists(self, array: pa.Array, each: Field) -> Cells:
        elements = array.flatten()
        if elements.null_count:
            raise invalid_query(f"Array cannot have a null element; error in writing field {each.name}")
        cells = [{"v": value} for value in self._values(elements, each)]
        lists, start = [], 0
        for length in pc.list_value_length(array).to_pylist():  # a NULL array reads as an empty one
            lists.append(cells[start : start + (length or 0)])
            start += length or 0
        return lists

    def _values(self, array: pa.Array, each: Field) -> Cells:
        if each.type == "RECORD":
            return self._records(array, each)
        if each.type in _AS_NUMBERS:
            array = array.cast(_AS_NUMBERS[each.type])
        text = self._timestamp if each.type == "TIMESTAMP" else _TEXTS[each.type]
        return [None if value is None else text(value) for value in array.to_pylist()]

    def _records(self, array: pa.Array, each: Field) -> Cells:
        members = [self._cells(member, child) for member, child in zip(array.flatten(), each.fields, strict=True)]
        present = array.is_valid().to_pylist()
        return [_record(values) if there else None for there, *values in zip(present, *members, strict=True)]

    def _timestamp(self, micros: int) -> str:
        return str(micros) if self.whole_timestamps else repr(micros / SECOND)


def _record(values: Sequence[Any]) -> dict[str, Any]:
    return {"f": [{"v": value} for value in values]}


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_AS_NUMBERS = {
    "TIMESTAMP": pa.int64(),
    "DATETIME": pa.int64(),
    "TIME": pa.int64(),
    "DATE": pa.int32(),
}
_TEXTS: dict[str, Callable[[Any], str]] = {
    "STRING": str,
    "JSON": str,
    "INTEGER": str,
    "FLOAT": _float,
    "BOOLEAN": lambda value: "true" if value else "false",
    "BYTES": lambda value: b64encode(value).decode(),
    "NUMERIC": numeric_text,
    "DATE": date_text,
    "TIME": time_text,
    "DATETIME": datetime_text,
}
