"""Counts, sums and averages."""

import math
from typing import Any

import pytest
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import StructuredAggregationQuery

from localcloud.firestore.aggregates import aggregate, aliases_of, check_aggregations
from localcloud.firestore.database import Entry
from localcloud.firestore.messages import Document
from localcloud.rpc import RpcError

LARGEST = 2**63 - 1


def entries(*numbers: Any) -> list[Entry]:
    """Documents whose field `n` is a number each; without it for `...`."""
    made = []
    for number in numbers:
        document = Document()
        if number is not ...:
            encoded = _helpers.encode_value(number)
            document.fields["n"].CopyFrom(encoded._pb)
        made.append(Entry("", (), document, b"", 0))
    return made


def asked(alias: str = "", **operator: Any) -> Any:
    return StructuredAggregationQuery.pb(
        StructuredAggregationQuery(aggregations=[{"alias": alias, **operator}])
    ).aggregations[0]


N = {"field": {"field_path": "n"}}


def told(operator: Any, *numbers: Any) -> Any:
    return _helpers.decode_value(aggregate(operator, entries(*numbers)), None)


@pytest.mark.parametrize(
    ("numbers", "total", "mean"),
    [
        ((), 0, None),
        ((1, 2, ..., "text", None), 3, 1.5),
        ((1, 0.5), 1.5, 0.75),
        ((LARGEST, 1), float(LARGEST + 1), float(LARGEST + 1) / 2),
    ],
)
def test_only_numbers_are_summed(numbers: tuple[Any, ...], total: Any, mean: Any) -> None:
    assert (told(asked(sum=N), *numbers), told(asked(avg=N), *numbers)) == (total, mean)
    assert type(told(asked(sum=N), *numbers)) is type(total)


def test_nan_spoils_every_sum() -> None:
    assert math.isnan(told(asked(sum=N), 1, math.nan))
    assert math.isnan(told(asked(avg=N), 1, math.nan))


def test_a_count_can_stop_early() -> None:
    assert told(asked(count={}), 1, ..., "text") == 3
    assert told(asked(count={"up_to": 2}), 1, 2, 3) == 2


def test_aggregations_without_a_name_get_one() -> None:
    assert aliases_of([asked(count={}), asked("x", count={}), asked(sum=N)]) == ["field_1", "x", "field_2"]


@pytest.mark.parametrize(
    ("aggregations", "reason"),
    [
        ([], "1 to 5"),
        ([asked(count={})] * 6, "1 to 5"),
        ([asked("x", count={}), asked("x", sum=N)], "unique"),
        ([asked("x")], "must have an operator"),
        ([asked(sum={"field": {"field_path": "a-b"}})], "Invalid property path"),
    ],
)
def test_aggregations_that_cannot_be(aggregations: list[Any], reason: str) -> None:
    with pytest.raises(RpcError, match=reason):
        check_aggregations(aggregations)
