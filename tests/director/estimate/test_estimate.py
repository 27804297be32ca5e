"""What the example costs, reckoned by hand; and what holds of every estimate.

100 messages of 500 bytes a second are 131.4 GB in a month of 730 hours: 122.376 GiB, or 0.119508 TiB.
"""

from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from director.documents.kinds import BUILT_IN
from director.documents.loading import Blueprint, load
from director.errors import Misconfigured
from director.estimate.estimate import RULES, UNPRICED, Estimate, estimate
from director.estimate.prices import Prices
from director.estimate.storage import CLASSES
from director.estimate.usage import CollectionUse, Usage
from director.resources.catalogue import wanted
from tests.director.estimate.plants import SHIPPED, TOPICS, names, plant, reckoned, tail, usage

EXAMPLE = Path(__file__).parents[3] / "examples/environment/architecture.yaml"
PUBLISHED = PULLED = "4.78"  # 0.119508 TiB at 40
EXPECTED = {
    ("ingestion", "published"): PUBLISHED,
    ("ingestion", "retained"): "7.60",  # 7 d of 50,000 bytes/s: 28.163 GiB at 0.27
    ("ingestion-enrichment", "pulled"): PULLED,
    ("enriched", "published"): PUBLISHED,
    ("enriched", "retained"): "7.60",
    ("enriched-warehouse", "pulled"): PULLED,
    ("enriched-archive", "pulled"): PULLED,
    ("rollups", "published"): PUBLISHED,
    ("rollups", "retained"): "1.09",  # 1 d: 4.0233 GiB at 0.27
    ("rollups-bigquery", "delivered to BigQuery"): "5.98",  # 0.119508 TiB at 50
    ("environment", "written"): "3.06",  # 122.376 GiB at 0.025
    ("environment", "stored"): "2.45",  # at 0.02
    ("rollup_messages", "stored"): "2.45",  # Pub/Sub is paid for writing it
    ("environment-archive", "stored as STANDARD"): "3.18",  # in the EU, at 0.026
    ("environment-archive", "replicated"): "2.45",  # at 0.02
    ("devices", "stored"): "0.00",  # 200 small documents
}


@cache
def example() -> Blueprint:
    return load(EXAMPLE)


def of_example(said: Usage, prices: Prices = SHIPPED) -> Estimate:
    return estimate(example(), "environment", said, prices)


def test_the_example_costs_what_is_reckoned_by_hand() -> None:
    found = of_example(usage(100, 500))
    assert {(tail(line.name), line.what): str(line.per_month) for line in found.lines} == EXPECTED
    assert found.total == Decimal("64.54")


def test_dead_letters_and_changes_of_seeds_cost_nothing_unless_the_usage_says_so() -> None:
    quiet = {tail(gap.name) for gap in of_example(usage()).gaps if gap.what in ("messages", "rows", "objects")}
    assert {"dead-letters", "invalidations", "dead-letters-desk", "dead_letters"} <= quiet
    said = usage(topics={"dead-letters": {"share": 0.01}})
    costs = {(tail(line.name), line.what): line for line in of_example(said).lines}
    # 1 of 100 messages of the bridge, and of each of three jobs that get 100 a second: 4 a second
    assert costs["dead-letters", "published"].quantity == pytest.approx(4 * 500 * 730 * 3600 / 2**40)


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("pubsub.throughput_tib", {"published", "pulled"}),
        ("pubsub.storage_gib_month", {"retained"}),
        ("bigquery.active_gib_month", {"stored"}),
        ("storage.multi_region.replication_gib", {"replicated"}),
        ("dataflow.vcpu_hour", set()),
    ],
)
def test_another_price_changes_exactly_its_lines(name: str, touched: set[str]) -> None:
    before, after = of_example(usage()), of_example(usage(), replaced(name, 1000.0))
    changed = {old.what for old, new in zip(before.lines, after.lines, strict=True) if old.per_month != new.per_month}
    assert changed == touched
    assert all((line.unit_price == 1000) == (line.price == name) for line in after.lines)


def replaced(name: str, price: float) -> Prices:
    data = SHIPPED.model_dump()
    *path, last = name.split(".")
    inner = data
    for part in path:
        inner = inner[part]
    inner[last] = price
    return Prices.model_validate(data)


@settings(deadline=None, max_examples=40)
@given(rate=st.floats(0, 1e6), size=st.integers(0, 100_000), share=st.floats(0, 3))
def test_twice_as_much_never_costs_less_and_the_total_is_the_sum(rate: float, size: int, share: float) -> None:
    shares = {"topics": {"dead-letters": {"share": share}, "rollups": {"share": share}}}
    once, twice = (of_example(usage(factor * rate, size, **shares)) for factor in (1, 2))
    costs = {(line.key, line.what): line.per_month for line in twice.lines}
    assert all(costs[line.key, line.what] >= line.per_month for line in once.lines)
    for found in (once, twice):
        assert found.total == sum(line.per_month for line in found.lines)
        assert all(line.per_month >= 0 and line.per_month == round(line.per_month, 2) for line in found.lines)


def test_the_lines_are_sorted_and_the_same_every_time() -> None:
    first, second = of_example(usage()), of_example(usage())
    assert first.lines == second.lines
    order = [(line.kind, line.name, line.what) for line in first.lines]
    assert order == sorted(order)


def test_of_a_plan_only_what_it_creates_is_reckoned_in_the_flow_of_everything() -> None:
    created = {("subscriptions", "projects/local-project/subscriptions/enriched-warehouse")}
    found = estimate(example(), "environment", usage(), SHIPPED, created)
    assert [(tail(line.name), line.what) for line in found.lines] == [("enriched-warehouse", "pulled")]
    assert (found.total, found.of_plan, found.gaps) == (Decimal("4.78"), True, ())
    assert estimate(example(), "environment", usage(), SHIPPED, ()).total == 0


def test_what_a_plan_creates_and_the_document_does_not_have_is_refused() -> None:
    created = {("topics", "projects/other-project/topics/ingestion")}
    with pytest.raises(Misconfigured, match=r"topics projects/other-project/topics/ingestion .* plan again"):
        estimate(example(), "environment", usage(), SHIPPED, created)


def test_resources_are_called_as_plans_call_them() -> None:
    found = of_example(usage())
    named = {line.key for line in found.lines} | {(gap.kind, gap.name) for gap in found.gaps}
    assert named == {one.key for one in wanted(example(), "environment")}


def test_every_kind_has_a_rule_or_a_reason_why_not() -> None:
    kinds = {kind.name for kind in BUILT_IN}
    assert kinds == set(RULES) | set(UNPRICED)
    assert not set(RULES) & set(UNPRICED)


def test_in_another_environment_it_is_what_that_makes() -> None:
    found = estimate(load(EXAMPLE, "test"), "environment", usage(), SHIPPED)
    assert found.environment == "test"
    assert found.total == Decimal("64.54")


def test_nothing_flowing_leaves_nothing_but_what_is_always_there() -> None:
    job = "\ncloud_scheduler_jobs: [{name: tick, schedule: '0 3 * * *', topic: readings, data: x, paused: true}]\n"
    found = reckoned(plant(TOPICS + job), usage(0))
    assert [(line.kind, line.what) for line in found.lines] == [("cloud_scheduler_jobs", "there")]


EVERYTHING = """
  - {name: to-rows, topic: readings, bigquery: {table: rows}}
  - {name: to-files, topic: readings, ack_deadline_seconds: 600, cloud_storage: {bucket: plant-1}}
bigquery_datasets: [{name: telemetry}]
bigquery_tables:
  - name: rows
    dataset: telemetry
    schema: [{name: at, type: TIMESTAMP}, {name: data, type: BYTES}]
    time_partitioning_field: at
    producers: [{name: job, lookup: {key: table}}]
firestore_collections: [{name: devices}]
cloud_scheduler_jobs: [{name: tick, schedule: every 1 hours, topic: readings, data: x}]
secrets: [{name: key, create: true}]
cloud_run_services:
  - {name: always, service: job, image: 'registry/job:1'}
  - {name: asked, service_account: web-account, image: 'registry/web:1', min_instances: 1}
dataflow_jobs:
  - {name: stream, service: job, template: gs://plant-templates/stream.json, machine_type: n1-standard-2}
alert_policies: [{name: backlog, conditions: [{name: one, promql: {query: up}}]}]
gcs_buckets:
"""


def test_every_price_of_the_table_is_reckoned_with() -> None:
    classes = [(where, name) for where in ("europe-west1", "EU") for name in CLASSES]
    buckets = [
        f"  - {{name: plant-{number}, location: {where}, storage_class: {name}, "
        f"producers: [{{name: job, lookup: {{key: bucket{number}}}}}]}}\n"
        for number, (where, name) in enumerate(classes)
    ]
    said = usage(
        tables={"telemetry.rows": {"stored_months": 12}},
        buckets={f"plant-{number}": {"objects_per_hour": 1} for number in range(len(classes))},
        collections={"devices": dict.fromkeys(CollectionUse.model_fields, 1)},
        secrets={"key": {"accesses_per_hour": 1}},
    )
    found = reckoned(plant(TOPICS + EVERYTHING + "".join(buckets)), said)
    assert {line.price for line in found.lines} == set(names(SHIPPED))
