"""A table fits a mapping where every column is there as wanted; columns it has besides must take null."""

from typing import Any

import pytest

from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.schema import LiveColumn, differences


def column(kind: Any = "STRING", mode: Any = "NULLABLE") -> Column:
    return Column(name="c", type=kind, mode=mode, attribute="a")


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        (column(), LiveColumn("C", "STRING", "NULLABLE")),
        (column(mode="REQUIRED"), LiveColumn("c", "STRING", "REQUIRED")),
        (column(mode="REQUIRED"), LiveColumn("c", "STRING", "NULLABLE")),
        (column("INT64", "REPEATED"), LiveColumn("c", "INT64", "REPEATED")),
    ],
)
def test_columns_that_take_every_row_fit(wanted: Column, live: LiveColumn) -> None:
    assert list(differences([wanted], [live, LiveColumn("extra", "BOOL", "NULLABLE")])) == []


@pytest.mark.parametrize(
    ("wanted", "live", "problem"),
    [
        (
            column("INT64"),
            LiveColumn("c", "FLOAT64", "NULLABLE"),
            "INT64 NULLABLE is wanted, but the table has FLOAT64",
        ),
        (column(), LiveColumn("c", "STRING", "REQUIRED"), "make it REQUIRED in the mapping, or relax the table"),
        (column(), LiveColumn("c", "STRING", "REPEATED"), "the table has STRING REPEATED; change the mapping"),
        (
            column(mode="REPEATED"),
            LiveColumn("c", "STRING", "NULLABLE"),
            "is wanted, but the table has STRING NULLABLE",
        ),
    ],
)
def test_one_that_does_not_fit_is_named_with_what_is_wanted_and_found(
    wanted: Column, live: LiveColumn, problem: str
) -> None:
    (told,) = differences([wanted], [live])
    assert told.startswith("column c ")
    assert problem in told


def test_all_differences_are_told() -> None:
    told = list(differences([column()], [LiveColumn("x", "INT64", "REQUIRED"), LiveColumn("y", "BOOL", "REQUIRED")]))
    assert told == [
        "column c STRING NULLABLE is wanted, but the table has none; let the director add it",
        "column x INT64 REQUIRED of the table is not in the mapping; add it, or relax the table",
        "column y BOOL REQUIRED of the table is not in the mapping; add it, or relax the table",
    ]
