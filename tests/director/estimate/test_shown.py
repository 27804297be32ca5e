"""How an estimate is shown."""

import json
from dataclasses import replace

import pytest

from director.estimate.shown import as_json, heading, price, text
from tests.director.estimate.plants import TOPICS, plant, reckoned, usage


@pytest.mark.parametrize(("value", "readable"), [(40.0, "40.00"), (0.27, "0.27"), (0.000018, "0.000018"), (0, "0.00")])
def test_prices_have_two_decimals_or_as_many_as_they_need(value: float, readable: str) -> None:
    assert price(value) == readable


def test_a_line_says_how_it_was_reckoned_and_the_last_what_it_comes_to() -> None:
    found = list(text(reckoned(plant(TOPICS))))
    assert found[0] == (
        "        4.78 subscriptions projects/plant-project/subscriptions/readings-job pulled: 0.1195 TiB at 40.00 "
        "(100 messages/s of 500 bytes, all that topic readings gets)"
    )
    assert "        9.57 USD a month: dataflow air, all of it" in found


def test_what_is_not_reckoned_for_one_reason_is_told_once() -> None:
    accounts = "\nservice_accounts: [{name: one-account}, {name: two-account}]\n"
    told = [line for line in text(reckoned(plant(TOPICS + accounts))) if line.startswith("not reckoned")]
    [line] = told
    assert line.count("service_accounts ") == 2
    assert line.endswith("IAM takes nothing for service accounts")


def test_it_never_goes_without_its_caveat() -> None:
    found = reckoned(plant(TOPICS))
    assert "free tiers, discounts" in heading(found)
    assert "not asked of Google" in as_json([found])["caveat"]


def test_prices_of_another_region_are_told() -> None:
    found = reckoned(plant(TOPICS))
    assert "the architecture is in" not in heading(found)
    assert "the architecture is in us-east1" in heading(replace(found, region="us-east1"))


def test_the_json_is_what_the_documentation_says() -> None:
    found = json.loads(json.dumps(as_json([reckoned(plant(TOPICS), usage(10, 100))])))
    assert set(found) == {"version", "currency", "prices", "total_per_month", "caveat", "estimates"}
    [one] = found["estimates"]
    assert set(one) == {
        "architecture", "environment", "region", "dataflow", "of", "total_per_month", "lines", "not_reckoned", "topics",
    }  # fmt: skip
    assert set(one["lines"][0]) == {
        "kind", "name", "what", "quantity", "unit", "price", "unit_price", "per_month", "assumption",
    }  # fmt: skip
    assert one["of"] == "document"
    assert one["topics"]["readings"] == {
        "messages_per_second": 10.0, "bytes_per_second": 1000.0, "assumption": "what enters here",
    }  # fmt: skip
    assert found["total_per_month"] == round(sum(line["per_month"] for line in one["lines"]), 2)
