"""The plan for nothing is pure: labels, journal, protection, data and needs decide what goes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from director.documents.loading import Blueprint
from director.keys import Key
from director.ledger.ledger import Entry
from director.provisioning.base import Holding, Observed, Owner, Wanted
from director.provisioning.plan import Change
from director.provisioning.protection import Protection
from director.provisioning.teardown import candidates, confirmable, guarded, short_name, unrecorded
from director.resources.catalogue import wanted

DELETE = Protection("DELETE", "the dataflow is ephemeral")
Resources = tuple[Wanted[Any], ...]


@pytest.fixture
def resources(blueprint: Blueprint) -> Resources:
    return tuple(replace(one, protection=DELETE) for one in wanted(blueprint, "air"))


def there(resources: Iterable[Wanted[Any]]) -> dict[Key, Observed[Any] | None]:
    return {one.key: Observed(one.state, one.owner) for one in resources}


def recorded(resources: Iterable[Wanted[Any]]) -> dict[Key, Entry]:
    return {one.key: Entry(made=True) for one in resources}


def of(resources: Resources, kind: str) -> Wanted[Any]:
    return next(one for one in resources if one.kind == kind)


def planned(resources: Resources, **different: Any) -> dict[str, Change]:
    """By kind and short name."""
    given = {
        "chosen": frozenset(one.key for one in resources),
        "observed": there(resources),
        "entries": recorded(resources),
        **different,
    }
    found = candidates(resources, **given)
    return {f"{one.kind}/{short_name(one.key)}": one for one in found}


def test_dependents_go_first(resources: Resources) -> None:
    found = list(planned(resources).values())
    assert {change.action for change in found} == {"delete"}
    position = {change.key: index for index, change in enumerate(found)}
    for one in resources:
        assert all(position[need] > position[one.key] for need in one.needs)


def test_what_is_gone_needs_nothing(resources: Resources) -> None:
    assert {one.action for one in planned(resources, observed=dict.fromkeys(recorded(resources))).values()} == {"none"}


@pytest.mark.parametrize("theirs", [None, Owner("plant", "water")])
def test_what_carries_no_labels_of_ours_stays_even_if_the_journal_has_it(
    resources: Resources, theirs: Owner | None
) -> None:
    bucket = of(resources, "gcs_buckets")
    world = there(resources) | {bucket.key: Observed(bucket.state, theirs)}
    found = planned(resources, observed=world)[f"gcs_buckets/{bucket.full_name}"]
    assert found.action == "keep"
    assert found.reasons[0].startswith("exists and is not ours" if theirs is None else "exists and belongs to")


def test_what_the_journal_does_not_know_stays_even_with_our_labels(resources: Resources) -> None:
    found = planned(resources, entries={})
    assert {one.action for one in found.values()} == {"keep"}
    assert "the journal does not say that we made it" in found["topics/readings"].reasons[0]


@pytest.mark.parametrize("policy", ["PREVENT", "ABANDON"])
def test_the_protected_stays_and_so_does_what_it_needs(resources: Resources, policy: Any) -> None:
    kept = Protection(policy, "somebody said so")
    guarded_ones = tuple(replace(one, protection=kept) if one.kind == "subscriptions" else one for one in resources)
    found = planned(guarded_ones)
    assert found["subscriptions/readings-archive"].reasons == (f"{policy}: somebody said so",)
    for topic in ("topics/readings", "topics/dead"):
        assert found[topic].action == "keep"
        assert found[topic].reasons[0].endswith("subscriptions/readings-archive, which stays")
    assert found["bigquery_tables/rows"].action == "delete"


def test_what_another_part_still_uses_stays(resources: Resources) -> None:
    topic = of(resources, "topics")
    assert planned(resources, chosen=frozenset({topic.key}))["topics/readings"].action == "keep"
    gone = there(resources) | {of(resources, "subscriptions").key: None}
    assert planned(resources, chosen=frozenset({topic.key}), observed=gone)["topics/readings"].action == "delete"


def test_data_has_to_be_confirmed_and_what_others_have_stays(resources: Resources) -> None:
    table, dataset = of(resources, "bigquery_tables"), of(resources, "bigquery_datasets")
    world = there(resources)
    before = candidates(resources, frozenset(world), world, recorded(resources))
    held = {table.key: Holding("rows"), dataset.key: Holding("p.telemetry.theirs", others=True)}
    found = {one.key: one for one in guarded(resources, before, world, held)}
    assert found[table.key].action == "confirm"
    assert found[table.key].reasons == ("would lose rows; to want that, confirm rows",)
    assert found[dataset.key].action == "keep"
    assert found[dataset.key].reasons == ("holds what this teardown does not delete: p.telemetry.theirs",)


def test_made_by_us_and_gone_from_the_document_is_said(resources: Resources) -> None:
    entries = recorded(resources) | {("topics", "projects/p/topics/old"): Entry(made=True), ("topics", "x"): Entry()}
    [found] = unrecorded(resources, entries)
    assert (found.action, found.name) == ("keep", "projects/p/topics/old")
    assert "no longer in the document" in found.reasons[0]


def test_a_short_name_confirms_only_what_nothing_else_is_called() -> None:
    one, two = Change("confirm", "bigquery_tables", "p.d.same"), Change("confirm", "gcs_buckets", "same")
    assert confirmable([one])[one.key] == {"p.d.same", "bigquery_tables/same", "same"}
    both = confirmable([one, two])
    assert both[one.key] == {"p.d.same", "bigquery_tables/same"}
    assert "gcs_buckets/same" in both[two.key]


def test_dots_are_part_of_some_names() -> None:
    assert short_name(("gcs_buckets", "data.example.com")) == "data.example.com"
    assert short_name(("topics", "projects/p/topics/a.b")) == "a.b"
    assert short_name(("bigquery_tables", "p.d.rows")) == "rows"


def test_accounts_and_what_is_in_another_database_are_called_as_in_documents() -> None:
    assert short_name(("service_accounts", "bridge-sa@p.iam.gserviceaccount.com")) == "bridge-sa"
    assert short_name(("firestore_collections", "archive/devices")) == "devices"
    assert short_name(("firestore_databases", "projects/p/databases/(default)")) == "(default)"
