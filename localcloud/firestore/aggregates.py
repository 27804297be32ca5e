"""Counts, sums and averages over the results of a query. Pure.

Source: https://cloud.google.com/firestore/docs/query-data/aggregation-queries
"""

from collections.abc import Sequence
from typing import Any

from localcloud.firestore.database import Entry
from localcloud.firestore.field_paths import lookup, parse
from localcloud.firestore.messages import NULL, Value
from localcloud.firestore.values import is_number
from localcloud.rpc import invalid_argument

_MOST = 5
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def check_aggregations(aggregations: Sequence[Any]) -> None:
    """Raises RpcError INVALID_ARGUMENT for what Firestore does not take."""
    if not 1 <= len(aggregations) <= _MOST:
        raise invalid_argument(f"A query must have 1 to {_MOST} aggregations.")
    aliases = aliases_of(aggregations)
    if len(set(aliases)) < len(aliases):
        raise invalid_argument("Aggregation aliases must be unique.")
    for aggregation in aggregations:
        kind = aggregation.WhichOneof("operator")
        if kind is None:
            raise invalid_argument("An aggregation must have an operator.")
        if kind != "count":
            parse(getattr(aggregation, kind).field.field_path)


def aliases_of(aggregations: Sequence[Any]) -> list[str]:
    """Those without a name are `field_1` and so on."""
    unnamed = 0
    aliases = []
    for aggregation in aggregations:
        unnamed += not aggregation.alias
        aliases.append(aggregation.alias or f"field_{unnamed}")
    return aliases


def aggregate(aggregation: Any, entries: Sequence[Entry]) -> Any:
    """The Value of one aggregation."""
    kind = aggregation.WhichOneof("operator")
    if kind == "count":
        most = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else len(entries)
        return Value(integer_value=min(len(entries), most))
    numbers = _numbers(entries, parse(getattr(aggregation, kind).field.field_path))
    if kind == "sum":
        return _sum(numbers)
    return Value(double_value=sum(numbers) / len(numbers)) if numbers else Value(null_value=NULL)


def _numbers(entries: Sequence[Entry], path: tuple[str, ...]) -> list[int | float]:
    """Other values, and documents without the field, do not count."""
    found = (lookup(entry.document.fields, path) for entry in entries)
    values = [value for value in found if value is not None and is_number(value)]
    return [getattr(value, value.WhichOneof("value_type")) for value in values]


def _sum(numbers: list[int | float]) -> Any:
    """An integer while all are and it fits into 64 bits."""
    total = sum(numbers)
    if isinstance(total, int) and _SMALLEST <= total <= _LARGEST:
        return Value(integer_value=total)
    return Value(double_value=float(total))
