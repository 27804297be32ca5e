"""The price table: shipped, replaced, refused."""

from pathlib import Path

import pytest

from director.estimate.prices import SHIPPED, Prices, read, unit
from director.strict import DocumentError
from tests.director.estimate.plants import names

TEXT = SHIPPED.read_text()


def test_the_shipped_table_says_that_it_is_indicative() -> None:
    comment = " ".join(line.removeprefix("#").strip() for line in TEXT.splitlines() if line.startswith("#"))
    assert "INDICATIVE" in comment
    assert "NOT verified against Google's price pages" in comment
    assert "Free tiers, discounts" in comment


def test_every_price_says_what_it_is_for() -> None:
    table = read()
    found = names(table)
    assert {unit(name) for name in found} >= {"TiB", "GiB-month", "vCPU-second", "thousand", "job-month"}
    assert all(table.of(name) > 0 for name in found)


def test_another_table_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(TEXT.replace("currency: USD", "currency: EUR").replace("throughput_tib: 40.0", "throughput_tib: 1"))
    found = read(file)
    assert (found.currency, found.pubsub.throughput_tib) == ("EUR", 1)


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("throughput_tib:", "throughputs_tib:", 11, "did you mean 'throughput_tib'?"),
        ("  job_month: 0.10\n", "  job_year: 1.20\n", None, "scheduler.job_month: is missing"),
        ("throughput_tib: 40.0", "throughput_tib: '40'", 11, "write a number"),
        ("throughput_tib: 40.0", "throughput_tib: -1", 11, "greater than or equal to 0"),
        ("currency: USD", "currency: $", 6, "must match"),
        ('"2025-06-01"', "June", 7, "is no day"),
        ("region: europe-west1", "region: europe-west77", 8, "unknown region"),
    ],
)
def test_a_wrong_table_is_told_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int | None, problem: str
) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(DocumentError) as caught:
        read(file)
    told = str(caught.value)
    assert problem in told
    assert f"{file}:{line}:" in told if line else str(file) in told


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"cannot be read: No such file"):
        read(tmp_path / "none.yaml")


def test_prices_are_found_by_their_path() -> None:
    table = read()
    assert isinstance(table, Prices)
    assert table.of("storage.multi_region.replication_gib") == table.storage.multi_region.replication_gib
