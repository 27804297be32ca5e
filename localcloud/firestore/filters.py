"""Filters of a query as predicates over documents. Pure.

Source: https://cloud.google.com/firestore/docs/query-data/queries
"""

from collections.abc import Callable, Iterator
from typing import Any

from localcloud.firestore.database import Entry
from localcloud.firestore.field_paths import NAME, FieldPath, lookup, parse
from localcloud.firestore.messages import StructuredQuery, Value
from localcloud.firestore.names import database_of
from localcloud.firestore.values import Key, is_nan, is_null, order_key, same_type
from localcloud.rpc import invalid_argument

Predicate = Callable[[Entry], bool]
Test = Callable[[Any], bool]  # of a Value that is there

_FieldOp = StructuredQuery.FieldFilter.Operator
_UnaryOp = StructuredQuery.UnaryFilter.Operator
_CompositeOp = StructuredQuery.CompositeFilter.Operator

_INEQUALITIES = frozenset(
    _FieldOp.Value(name)
    for name in ("LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL", "NOT_EQUAL", "NOT_IN")
)
_UNARY_INEQUALITIES = frozenset({_UnaryOp.Value("IS_NOT_NAN"), _UnaryOp.Value("IS_NOT_NULL")})
_MOST_VALUES = {_FieldOp.Value("IN"): 30, _FieldOp.Value("ARRAY_CONTAINS_ANY"): 30, _FieldOp.Value("NOT_IN"): 10}


def predicate(asked: Any) -> Predicate:
    """Raises RpcError INVALID_ARGUMENT for what Firestore does not take."""
    kind = asked.WhichOneof("filter_type")
    if kind == "composite_filter":
        return _composite(asked.composite_filter)
    if kind == "field_filter":
        field = asked.field_filter
        path = parse(field.field.field_path)
        return _on_field(path, _field_test(path, field.op, field.value))
    if kind == "unary_filter":
        unary = asked.unary_filter
        return _on_field(parse(unary.field.field_path), _unary_test(unary.op))
    raise invalid_argument("A filter must be set.")


def inequality_fields(asked: Any) -> list[FieldPath]:
    """The fields that results are ordered by although the query does not say so, in the order of their names."""
    return sorted(set(_inequality_fields(asked)))


def value_at(entry: Entry, path: FieldPath) -> Any | None:
    """A field's Value, the document's own name included."""
    if path == NAME:
        return Value(reference_value=entry.name)
    return lookup(entry.document.fields, path)


def _inequality_fields(asked: Any) -> Iterator[FieldPath]:
    kind = asked.WhichOneof("filter_type")
    if kind == "composite_filter":
        for part in asked.composite_filter.filters:
            yield from _inequality_fields(part)
    elif kind == "field_filter" and asked.field_filter.op in _INEQUALITIES:
        yield parse(asked.field_filter.field.field_path)
    elif kind == "unary_filter" and asked.unary_filter.op in _UNARY_INEQUALITIES:
        yield parse(asked.unary_filter.field.field_path)


def _composite(asked: Any) -> Predicate:
    parts = [predicate(part) for part in asked.filters]
    if not parts:
        raise invalid_argument("A composite filter must have filters.")
    if asked.op == _CompositeOp.Value("AND"):
        return lambda entry: all(part(entry) for part in parts)
    if asked.op == _CompositeOp.Value("OR"):
        return lambda entry: any(part(entry) for part in parts)
    raise invalid_argument("A composite filter must be AND or OR.")


def _on_field(path: FieldPath, test: Test) -> Predicate:
    def holds(entry: Entry) -> bool:
        value = value_at(entry, path)
        return value is not None and test(value)

    return holds


def _unary_test(op: int) -> Test:
    tests: dict[str, Test] = {
        "IS_NAN": is_nan,
        "IS_NULL": is_null,
        "IS_NOT_NAN": lambda value: not is_nan(value) and not is_null(value),
        "IS_NOT_NULL": lambda value: not is_null(value),
    }
    test = tests.get(_UnaryOp.Name(op))
    if test is None:
        raise invalid_argument("A unary filter must have an operator.")
    return test


def _field_test(path: FieldPath, op: int, operand: Any) -> Test:
    if path == NAME:
        _check_name_operand(op, operand)
    if op in _MOST_VALUES:
        return _list_test(op, _operands(op, operand))
    key = order_key(operand)
    tests: dict[str, Test] = {
        "EQUAL": lambda value: order_key(value) == key,
        "NOT_EQUAL": lambda value: not is_null(value) and order_key(value) != key,
        "LESS_THAN": _compared(key, lambda one: one < key),
        "LESS_THAN_OR_EQUAL": _compared(key, lambda one: one <= key),
        "GREATER_THAN": _compared(key, lambda one: one > key),
        "GREATER_THAN_OR_EQUAL": _compared(key, lambda one: one >= key),
        "ARRAY_CONTAINS": lambda value: any(order_key(item) == key for item in value.array_value.values),
    }
    test = tests.get(_FieldOp.Name(op))
    if test is None:
        raise invalid_argument("A field filter must have an operator.")
    return test


def _compared(operand: Key, holds: Callable[[Key], bool]) -> Test:
    """Values of other types than the operand's are neither less nor greater."""

    def test(value: Any) -> bool:
        key = order_key(value)
        return same_type(key, operand) and holds(key)

    return test


def _list_test(op: int, operands: list[Any]) -> Test:
    keys = [order_key(operand) for operand in operands]
    if op == _FieldOp.Value("IN"):
        return lambda value: order_key(value) in keys
    if op == _FieldOp.Value("ARRAY_CONTAINS_ANY"):
        return lambda value: any(order_key(item) in keys for item in value.array_value.values)
    if any(map(is_null, operands)):
        return lambda value: False  # nothing is known to differ from null
    return lambda value: not is_null(value) and order_key(value) not in keys


def _operands(op: int, operand: Any) -> list[Any]:
    name, most = _FieldOp.Name(op), _MOST_VALUES[op]
    if operand.WhichOneof("value_type") != "array_value" or not operand.array_value.values:
        raise invalid_argument(f"'{name}' requires a non-empty ArrayValue.")
    if len(operand.array_value.values) > most:
        raise invalid_argument(f"'{name}' supports up to {most} comparison values.")
    return list(operand.array_value.values)


def _check_name_operand(op: int, operand: Any) -> None:
    values = operand.array_value.values if op in _MOST_VALUES else [operand]
    for value in values:
        if value.WhichOneof("value_type") != "reference_value":
            raise invalid_argument("__key__ filter value must be a Key")
        database_of(value.reference_value)
