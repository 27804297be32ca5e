"""Field transforms: what a field becomes from what it was, on the server.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#fieldtransform
"""

from collections.abc import Callable
from typing import Any

from localcloud.firestore.field_paths import assign, lookup, parse
from localcloud.firestore.messages import NULL, Value, timestamp
from localcloud.firestore.values import is_nan, is_number, order_key
from localcloud.rpc import invalid_argument

_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)


def transform(fields: Any, change: Any, now: int) -> Any:
    """Applies one FieldTransform at `now` (microseconds) and returns its result, a Value."""
    path = parse(change.field_path)
    kind = change.WhichOneof("transform_type")
    if kind == "set_to_server_value":
        assign(fields, path, _request_time(change, now))
    elif kind in _NUMERIC:
        operand = getattr(change, kind)
        if not is_number(operand):
            raise invalid_argument(f"{kind} of {change.field_path!r} takes a number.")
        before = lookup(fields, path)
        after = operand if before is None or not is_number(before) else _NUMERIC[kind](before, operand)
        assign(fields, path, after)
    elif kind in _ARRAYS:
        before = lookup(fields, path)
        assign(fields, path, _ARRAYS[kind](before, getattr(change, kind).values))
        return Value(null_value=NULL)
    else:
        raise invalid_argument(f"The transform of {change.field_path!r} says nothing.")
    result = Value()
    result.CopyFrom(lookup(fields, path))
    return result


def _request_time(change: Any, now: int) -> Any:
    if change.set_to_server_value != 1:
        raise invalid_argument("set_to_server_value can only be REQUEST_TIME.")
    return Value(timestamp_value=timestamp(now // 1000 * 1000))  # the real one has milliseconds, too


def _incremented(before: Any, operand: Any) -> Any:
    """Integers stop at the ends of 64 bits; a double makes it a double."""
    if before.WhichOneof("value_type") == operand.WhichOneof("value_type") == "integer_value":
        total = before.integer_value + operand.integer_value
        return Value(integer_value=max(_SMALLEST, min(_LARGEST, total)))
    return Value(double_value=float(_number(before)) + float(_number(operand)))


def _greater(before: Any, operand: Any) -> Any:
    return _with_nan(before, operand, order_key(operand) > order_key(before))


def _lesser(before: Any, operand: Any) -> Any:
    return _with_nan(before, operand, order_key(operand) < order_key(before))


def _with_nan(before: Any, operand: Any, replaced: bool) -> Any:
    """The greater or lesser of NaN and anything is NaN."""
    if is_nan(before) or is_nan(operand):
        return before if is_nan(before) else operand
    return operand if replaced else before


def _number(value: Any) -> float:
    return float(getattr(value, value.WhichOneof("value_type")))


def _appended(before: Any, operands: Any) -> Any:
    """Values that are not equal to one already there."""
    result, present = _array(before)
    for operand in operands:
        key = order_key(operand)
        if key not in present:
            present.append(key)
            result.array_value.values.add().CopyFrom(operand)
    return result


def _without(before: Any, operands: Any) -> Any:
    unwanted = [order_key(operand) for operand in operands]
    result = Value()
    result.array_value.SetInParent()
    kept = (item for item in _array(before)[0].array_value.values if order_key(item) not in unwanted)
    result.array_value.values.extend(kept)
    return result


def _array(before: Any) -> tuple[Any, list[Any]]:
    """A copy of an array, empty when it was none, and its keys."""
    result = Value()
    if before is not None and before.WhichOneof("value_type") == "array_value":
        result.CopyFrom(before)
    else:
        result.array_value.SetInParent()
    return result, [order_key(item) for item in result.array_value.values]


_NUMERIC: dict[str, Callable[[Any, Any], Any]] = {
    "increment": _incremented,
    "maximum": _greater,
    "minimum": _lesser,
}
_ARRAYS: dict[str, Callable[[Any, Any], Any]] = {
    "append_missing_elements": _appended,
    "remove_all_from_array": _without,
}
