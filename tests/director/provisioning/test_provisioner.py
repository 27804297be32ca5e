"""The loop that changes the world: right after any crash, in any company."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden, NotFound, PreconditionFailed, ServiceUnavailable

from director.documents.loading import Blueprint
from director.errors import Rejected, Unavailable
from director.provisioning.base import Observed, Wanted
from director.provisioning.provisioner import MANY, Provisioner
from director.resources.catalogue import wanted
from director.retries import Retries
from tests.director.worlds import Shelf, World


@pytest.fixture
def resources(blueprint: Blueprint) -> tuple[Wanted[Any], ...]:
    return wanted(blueprint, "air")


@pytest.fixture
def provisioner(world: Any, retries: Retries) -> Provisioner:
    return Provisioner(world.providers(), retries, workers=1)


def state(resources: tuple[Wanted[Any], ...]) -> dict[tuple[str, str], Any]:
    return {resource.key: resource.state for resource in resources}


def test_a_first_apply_creates_everything_and_a_second_does_nothing(
    world: Any, provisioner: Provisioner, resources: Any
) -> None:
    assert {outcome.result for outcome in provisioner.apply(resources)} == {"created"}
    assert world.things == state(resources)
    created = list(world.created)
    assert {outcome.result for outcome in provisioner.apply(resources)} == {"unchanged"}
    assert world.created == created
    assert world.updated == []
    assert {change.action for change in provisioner.plan(resources)} == {"none"}


def test_many_workers_come_to_the_same_end(world: Any, retries: Retries, resources: Any) -> None:
    report = Provisioner(world.providers(), retries, workers=8).apply(resources)
    assert world.things == state(resources)
    assert [outcome.key for outcome in report] == [
        change.key for change in Provisioner(world.providers(), retries).plan(resources)
    ]


def effects(world: Any, provisioner: Provisioner, resources: Any) -> int:
    """How many calls a whole apply makes, before and after each counted apart."""
    count = 0

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        nonlocal count
        count += 1

    world.strike = strike
    provisioner.apply(resources)
    return count


def test_a_kill_before_or_after_any_call_is_mended_by_the_next_apply(
    retries: Retries, killed: type[BaseException], world: Any, resources: Any
) -> None:
    total = effects(world, Provisioner(world.providers(), retries, workers=1), resources)
    assert total == 3 * len(resources)
    for last in range(total):
        fresh = type(world)()
        calls = iter(range(total))

        def strike(call: str, key: tuple[str, str], when: str, calls: Any = calls, last: int = last) -> None:
            if next(calls) == last:
                raise killed

        fresh.strike = strike
        provisioner = Provisioner(fresh.providers(), retries, workers=1)
        with pytest.raises(killed):
            provisioner.apply(resources)
        fresh.strike = lambda call, key, when: None
        report = provisioner.apply(resources)
        assert all(outcome.good for outcome in report)
        assert fresh.things == state(resources)
        assert len(fresh.created) == len(set(fresh.created)) == len(resources)
        assert fresh.updated == []


def test_a_lost_answer_to_a_create_ends_as_created_once(world: Any, provisioner: Provisioner, resources: Any) -> None:
    lost: set[tuple[str, str]] = set()

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if (call, when) == ("create", "after") and key not in lost:
            lost.add(key)
            raise ServiceUnavailable("the answer is lost")

    world.strike = strike
    assert {outcome.result for outcome in provisioner.apply(resources)} == {"created"}
    assert len(world.created) == len(resources) == len(lost)


def test_what_appears_meanwhile_in_foreign_hands_is_left_untouched(
    world: Any, provisioner: Provisioner, resources: Any
) -> None:
    topic = resources[0]
    theirs = replace(topic.state, labels={"managed-by": "terraform"})

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if (call, key) == ("create", topic.key):
            world.things[topic.key] = theirs

    world.strike = strike
    report = {outcome.key: outcome for outcome in provisioner.apply(resources)}
    assert report[topic.key].result == "refused"
    assert world.things[topic.key] is theirs
    subscription = next(resource for resource in resources if resource.kind == "subscriptions")
    assert report[subscription.key].result == "skipped"
    assert report[subscription.key].reason == f"needs {topic.full_name}, which is not there"
    assert report[resources[-1].key].result == "created"


def test_what_another_director_made_meanwhile_is_taken_as_it_is(
    world: Any, provisioner: Provisioner, resources: Any
) -> None:
    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "create" and when == "before":
            world.things[key] = next(resource.state for resource in resources if resource.key == key)

    world.strike = strike
    assert all(outcome.good for outcome in provisioner.apply(resources))
    assert world.created == []


def test_a_foreign_resource_stops_the_whole_apply_before_its_first_effect(
    world: Any, provisioner: Provisioner, resources: Any
) -> None:
    bucket = next(resource for resource in resources if resource.kind == "gcs_buckets")
    world.things[bucket.key] = replace(bucket.state, labels={})
    before = dict(world.things)
    report = {outcome.key: outcome for outcome in provisioner.apply(resources)}
    assert report[bucket.key].result == "refused"
    assert {outcome.result for key, outcome in report.items() if key != bucket.key} == {"skipped"}
    assert world.things == before


def test_drift_is_mended_field_by_field(world: Any, provisioner: Provisioner, resources: Any) -> None:
    provisioner.apply(resources)
    subscription = next(resource for resource in resources if resource.kind == "subscriptions")
    world.things[subscription.key] = replace(subscription.state, ack_deadline_seconds=600)
    report = {outcome.key: outcome for outcome in provisioner.apply(resources)}
    assert report[subscription.key].result == "updated"
    assert report[subscription.key].reason == "ack_deadline_seconds: 600 -> 20"
    assert world.updated == [(subscription.key, {"ack_deadline_seconds"})]


def test_an_update_that_crosses_another_is_decided_anew(world: Any, provisioner: Provisioner, resources: Any) -> None:
    provisioner.apply(resources)
    bucket = next(resource for resource in resources if resource.kind == "gcs_buckets")
    world.things[bucket.key] = replace(bucket.state, versioning_enabled=True)
    crossings = iter([True, True, False])

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if (call, when) == ("update", "before") and next(crossings):
            raise PreconditionFailed("metageneration")

    world.strike = strike
    report = {outcome.key: outcome for outcome in provisioner.apply(resources)}
    assert report[bucket.key].result == "updated"
    assert world.things[bucket.key] == bucket.state


def test_a_world_that_never_rests_ends_in_a_failure_of_that_resource_alone(
    world: Any, provisioner: Provisioner, resources: Any
) -> None:
    provisioner.apply(resources)
    bucket = next(resource for resource in resources if resource.kind == "gcs_buckets")
    world.things[bucket.key] = replace(bucket.state, versioning_enabled=True)

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "update":
            raise PreconditionFailed("metageneration")

    world.strike = strike
    report = {outcome.key: outcome for outcome in provisioner.apply(resources)}
    assert report[bucket.key].reason == "was changed by others 4 times over; apply again"
    assert [outcome for outcome in report.values() if not outcome.good] == [report[bucket.key]]


def test_what_vanishes_before_its_update_is_created(world: Any, provisioner: Provisioner, resources: Any) -> None:
    provisioner.apply(resources)
    topic = resources[0]
    world.things[topic.key] = replace(topic.state, message_retention_duration=None)

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if (call, when) == ("update", "before"):
            del world.things[topic.key]
            raise NotFound("gone")

    world.strike = strike
    report = provisioner.apply(resources)
    assert all(outcome.good for outcome in report)
    assert world.things == state(resources)


def test_a_failure_is_reported_and_its_dependants_skipped_while_others_go_on(
    world: Any, provisioner: Provisioner, resources: Any
) -> None:
    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "create" and key[0] == "bigquery_datasets":
            raise Forbidden("bigquery.datasets.create denied")

    world.strike = strike
    report = {outcome.kind: outcome for outcome in provisioner.apply(resources)}
    assert report["bigquery_datasets"].result == "failed"
    assert "bigquery.datasets.create denied" in report["bigquery_datasets"].reason
    assert report["bigquery_tables"].result == "skipped"
    assert report["gcs_buckets"].result == "created"


@pytest.mark.parametrize(
    ("error", "reaction"), [(ServiceUnavailable("down"), Unavailable), (Forbidden("no right"), Rejected)]
)
def test_what_cannot_be_looked_at_stops_everything_before_any_effect(
    world: Any, provisioner: Provisioner, resources: Any, error: Exception, reaction: type[Exception]
) -> None:
    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "observe" and key[0] == "bigquery_tables":
            raise error

    world.strike = strike
    with pytest.raises(reaction, match=r"bigquery_tables .*\.telemetry\.rows could not be looked at"):
        provisioner.apply(resources)
    assert world.things == {}


class Listing(Shelf):
    """A shelf that can be listed; what is `late` is not in the list yet."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.lists = 0
        self.late: set[str] = set()

    def survey(self, wanted: Sequence[Wanted[Any]]) -> dict[str, Observed[Any]]:
        self.lists += 1
        found = {one.full_name: super(Listing, self).observe(one) for one in wanted}
        return {name: one for name, one in found.items() if one and name not in self.late}


@pytest.mark.parametrize(("many", "asked"), [(MANY, 0), (MANY - 1, MANY - 1)])
def test_many_of_a_kind_are_listed_and_few_are_asked_for(
    world: Any, retries: Retries, resources: Any, many: int, asked: int
) -> None:
    topics = [replace(resources[0], full_name=f"projects/p/topics/t-{number}") for number in range(many)]
    shelf = Listing(world)
    provisioner = Provisioner({"topics": shelf}, retries, workers=1)
    assert all(outcome.good for outcome in provisioner.apply(topics))
    before = shelf.lists
    assert {change.action for change in provisioner.plan(topics)} == {"none"}
    assert shelf.lists - before == (0 if asked else 1)


def test_what_a_list_does_not_show_yet_is_found_by_name_where_that_matters(
    world: Any, retries: Retries, resources: Any
) -> None:
    topics = [replace(resources[0], full_name=f"projects/p/topics/t-{number}") for number in range(MANY)]
    shelf = Listing(world)
    provisioner = Provisioner({"topics": shelf}, retries, workers=1)
    provisioner.apply(topics)
    shelf.late = {topics[3].full_name}
    assert provisioner.observe(topics)[topics[3].key] is None
    assert provisioner.observe(topics, certain=True)[topics[3].key] is not None
    assert {outcome.result for outcome in provisioner.apply(topics)} == {"unchanged", "created"}  # taken as it is
    assert len(world.created) == MANY
