"""A StructuredQuery, checked and made ready, and its results. Pure.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#structuredquery
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from localcloud.firestore.database import Entry
from localcloud.firestore.field_paths import NAME, FieldPath, masked, parse
from localcloud.firestore.filters import Predicate, inequality_fields, predicate, value_at
from localcloud.firestore.messages import StructuredQuery
from localcloud.firestore.names import Path, check_id
from localcloud.firestore.values import Key, order_key
from localcloud.firestore.views import View
from localcloud.rpc import RpcError, invalid_argument

_DESCENDING = StructuredQuery.Direction.Value("DESCENDING")


@dataclass(frozen=True, slots=True)
class Order:
    path: FieldPath
    descending: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """Where results begin or end: `before` or after the documents whose first order keys are these."""

    keys: tuple[Key, ...]
    before: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`collection` None is any; `deep` goes below the parent's own collections."""

    parent: Path
    collection: str | None
    deep: bool
    holds: Predicate
    orders: Sequence[Order]
    start: Bound | None
    end: Bound | None
    offset: int
    limit: int | None
    fields: Sequence[str] | None

    def matches(self, entry: Entry) -> bool:
        return self._selects(entry.path) and self.holds(entry)

    def run(self, view: View) -> list[Entry]:
        """The documents of one page, in order."""
        first = self.parent if self.deep or self.collection is None else (*self.parent, self.collection)
        found = [entry for entry in view.below(first) if self.matches(entry)]
        if [order.path for order in self.orders] == [NAME] and not (self.start or self.end):
            ordered = found[::-1] if self.orders[0].descending else found
        else:
            ordered = self._ordered(found)
        return ordered[self.offset : None if self.limit is None else self.offset + self.limit]

    def projected(self, entry: Entry) -> bytes:
        """The encoded Document, with the fields that were selected."""
        if self.fields is None:
            return entry.encoded
        encoded: bytes = masked(entry.document, self.fields).SerializeToString()
        return encoded

    def _selects(self, path: Path) -> bool:
        length = len(self.parent)
        if path[:length] != self.parent or len(path) == length or (not self.deep and len(path) != length + 2):
            return False
        return self.collection is None or path[-2] == self.collection

    def _ordered(self, found: list[Entry]) -> list[Entry]:
        """Documents without one of the ordering fields are no results."""
        keyed = [(keys, entry) for entry in found if (keys := self._keys(entry)) is not None]
        for index in range(len(self.orders) - 1, -1, -1):
            keyed.sort(key=lambda item: item[0][index], reverse=self.orders[index].descending)
        return [entry for keys, entry in keyed if self._within(keys)]

    def _keys(self, entry: Entry) -> tuple[Key, ...] | None:
        values = [value_at(entry, order.path) for order in self.orders]
        return None if None in values else tuple(map(order_key, values))

    def _within(self, keys: tuple[Key, ...]) -> bool:
        if self.start:
            side = self._side(keys, self.start)
            if side < 0 or (side == 0 and not self.start.before):
                return False
        if self.end:
            side = self._side(keys, self.end)
            if side > 0 or (side == 0 and self.end.before):
                return False
        return True

    def _side(self, keys: tuple[Key, ...], bound: Bound) -> int:
        """-1 before the bound in the query's order, 0 on it, 1 after it."""
        for order, key, limit in zip(self.orders, keys, bound.keys, strict=False):
            if key != limit:
                return 1 if (key > limit) != order.descending else -1
        return 0


def query(parent: Path, asked: Any) -> Query:
    """Raises RpcError for what Firestore does not take."""
    if len(asked.from_) != 1:
        raise invalid_argument("A query must have exactly one from.")
    if asked.HasField("find_nearest"):
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "localcloud's Firestore does not support find_nearest")
    if asked.offset < 0 or asked.limit.value < 0:
        raise invalid_argument("offset and limit must not be negative.")
    source = asked.from_[0]
    orders = _orders(asked)
    return Query(
        parent=parent,
        collection=check_id(source.collection_id) if source.collection_id else None,
        deep=source.all_descendants,
        holds=predicate(asked.where) if asked.HasField("where") else lambda entry: True,
        orders=orders,
        start=_bound(asked.start_at, orders) if asked.HasField("start_at") else None,
        end=_bound(asked.end_at, orders) if asked.HasField("end_at") else None,
        offset=asked.offset,
        limit=asked.limit.value if asked.HasField("limit") else None,
        fields=_fields(asked.select),
    )


def _orders(asked: Any) -> list[Order]:
    """The orders asked for, then fields with inequalities, then the name: so the order is total."""
    orders = [Order(parse(order.field.field_path), order.direction == _DESCENDING) for order in asked.order_by]
    last = orders[-1].descending if orders else False
    implied = inequality_fields(asked.where) if asked.HasField("where") else []
    for path in [*implied, NAME]:
        if path not in [order.path for order in orders]:
            orders.append(Order(path, last))
    return orders


def _bound(cursor: Any, orders: list[Order]) -> Bound:
    if len(cursor.values) > len(orders):
        raise invalid_argument("Cursor has too many values.")
    for order, value in zip(orders, cursor.values, strict=False):
        if order.path == NAME and value.WhichOneof("value_type") != "reference_value":
            raise invalid_argument("Cursor value for __name__ must be a reference.")
    return Bound(tuple(map(order_key, cursor.values)), cursor.before)


def _fields(projection: Any) -> list[str] | None:
    """None is the whole document; `__name__` alone is a document without fields."""
    paths = [field.field_path for field in projection.fields]
    for path in paths:
        parse(path)
    return paths or None
