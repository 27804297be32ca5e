"""Schemas grow, and never lose or turn a column."""

import pytest

from director.resources.columns import Column, grown, grows, standard

A = Column("a", "STRING")
B = Column("b", "INT64")


def test_the_same_columns_in_any_order_are_the_same_schema() -> None:
    assert grows((A, B), (B, A)) is None


@pytest.mark.parametrize(
    ("live", "wanted", "reason"),
    [
        ((A,), (A, B), "add b INT64"),
        ((Column("a", "STRING", "REQUIRED"),), (A,), "a REQUIRED -> NULLABLE"),
        ((A,), (Column("a", "STRING", description="x"),), "describe a"),
        (
            (Column("s", "STRUCT", fields=(A,)),),
            (Column("s", "STRUCT", fields=(A, B)),),
            "add s.b INT64",
        ),
    ],
)
def test_what_adds_or_relaxes_is_an_update(live: tuple[Column, ...], wanted: tuple[Column, ...], reason: str) -> None:
    verdict = grows(live, wanted)
    assert verdict is not None
    assert (verdict.action, verdict.reason) == ("update", reason)


@pytest.mark.parametrize(
    ("live", "wanted", "reason"),
    [
        ((A,), (A, Column("b", "INT64", "REQUIRED")), "column b is new and REQUIRED; only NULLABLE ones can be added"),
        ((A,), (A, Column("b", "INT64", "REPEATED")), "column b is new and REPEATED; only NULLABLE ones can be added"),
        ((A, B), (A,), "live column b is not in the document; add it: columns are not dropped"),
        (
            (A,),
            (Column("a", "INT64"),),
            "column a is STRING, wanted INT64; types cannot be changed: add another column",
        ),
        (
            (A,),
            (Column("a", "STRING", "REQUIRED"),),
            "column a: NULLABLE -> REQUIRED is not possible; add another column",
        ),
        (
            (Column("s", "STRUCT", fields=(A, B)),),
            (Column("s", "STRUCT", fields=(A,)),),
            "live column s.b is not in the document; add it: columns are not dropped",
        ),
    ],
)
def test_what_could_lose_or_break_data_is_refused(
    live: tuple[Column, ...], wanted: tuple[Column, ...], reason: str
) -> None:
    verdict = grows(live, wanted)
    assert verdict is not None
    assert (verdict.action, verdict.reason) == ("refuse", reason)


def test_a_refusal_wins_over_updates_and_names_every_reason() -> None:
    verdict = grows((A, B), (Column("a", "INT64"), Column("c", "JSON")))
    assert verdict is not None
    assert verdict.action == "refuse"
    assert verdict.reason.count(";") == 3


def test_a_grown_schema_keeps_the_live_order_and_spelling_and_ends_with_the_new() -> None:
    live = (Column("B", "INT64"), Column("s", "STRUCT", fields=(B, A)))
    wanted = (Column("new", "JSON"), Column("s", "STRUCT", fields=(A, Column("c", "DATE"), B)), Column("b", "INT64"))
    assert grown(live, wanted) == (
        Column("B", "INT64"),
        Column("s", "STRUCT", fields=(B, A, Column("c", "DATE"))),
        Column("new", "JSON"),
    )


def test_older_type_names_are_read_as_the_standard_ones() -> None:
    assert [standard(name) for name in ("INTEGER", "FLOAT", "BOOLEAN", "RECORD", "string")] == [
        "INT64", "FLOAT64", "BOOL", "STRUCT", "STRING",
    ]  # fmt: skip
