"""The director as both doors see it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import Blueprint, load
from director.errors import Busy, Moved, Unknown
from director.ledger.file import FileLedger
from director.provisioning.base import Holding
from director.readiness import Readiness
from director.retries import Retries
from director.service import Director


@pytest.fixture
def director(blueprint: Blueprint, world: Any, retries: Retries) -> Director:
    return Director(blueprint, world.provide, retries, workers=1)


def test_a_plan_tells_and_changes_nothing(director: Director, world: Any) -> None:
    assert {change.action for change in director.plan("air")} == {"create"}
    assert world.things == {}


def test_verify_is_a_plan_that_must_be_empty(director: Director) -> None:
    assert len(director.verify("air")) == 7
    director.apply("air")
    assert director.verify("air") == ()


def test_a_service_waits_only_for_what_it_is_linked_to_and_what_that_needs(director: Director, world: Any) -> None:
    assert [change.kind for change in director.verify("air", "bridge")] == ["topics"]
    missing = [change.kind for change in director.verify("air", "archive")]
    assert missing == ["topics", "topics", "gcs_buckets", "firestore_collections", "subscriptions"]
    assert director.verify("air", "idle") == ()


def test_a_service_gets_its_own_configuration(director: Director, blueprint: Blueprint) -> None:
    project = blueprint.architecture.project_id
    config = director.configuration("air", "archive").config
    assert config == {
        "subscription": f"projects/{project}/subscriptions/readings-archive",
        "bucket": f"{project}-archive",
        "devices": "devices",
    }


def test_a_description_tells_resources_and_services_and_no_configuration(director: Director) -> None:
    found = director.description("air")
    assert found["services"] == ["bridge", "archive", "idle"]
    assert found["resources"][0]["services"] == ["bridge"]
    assert "filter" not in str(found)


@pytest.mark.parametrize("name", ["water", "", "all", "*"])
def test_only_known_dataflows_and_services_are_known(director: Director, name: str) -> None:
    for ask in (
        director.plan,
        director.apply,
        director.verify,
        director.description,
        director.drift,
        director.history,
        director.teardown_plan,
        director.teardown,
    ):
        with pytest.raises(Unknown):
            ask(name)
    for ask_service in (director.configuration, director.verify):
        with pytest.raises(Unknown):
            ask_service("air", name)
        with pytest.raises(Unknown):
            ask_service(name, "bridge")


def test_one_dataflow_is_applied_by_one_at_a_time(director: Director, world: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        begun.set()
        assert go_on.wait(10)

    world.strike = strike
    first = threading.Thread(target=director.apply, args=("air",))
    first.start()
    assert begun.wait(10)
    with pytest.raises(Busy, match="is being applied already"):
        director.apply("air")
    go_on.set()
    first.join(10)
    assert director.verify("air") == ()
    director.apply("air")


@pytest.mark.parametrize("addresses", [{}, {"idle": "https://idle.example.com"}])
def test_after_an_apply_no_service_hears_of_what_was_before(
    director: Director, blueprint: Blueprint, world: Any, addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Readiness.__init__, "__defaults__", (3600.0, time.monotonic))
    director.renew(blueprint)
    begun, go_on = threading.Event(), threading.Event()

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        begun.set()
        assert go_on.wait(10)

    world.strike = strike
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(director.missing, "air", "bridge") for _ in range(8)]
        assert begun.wait(10)
        go_on.set()
        assert all(one.result(10) for one in asked)
    director.apply("air", service_urls=addresses)
    assert director.missing("air", "bridge") == ()


def test_dataflows_know_only_their_own(document: Path, world: Any, retries: Retries) -> None:
    document.write_text(
        document.read_text()
        + "  water:\n    services: {pump: {service_account: pump-sa}}\n"
        + "    resources: {topics: [{name: levels, message_retention_duration: 1d}]}\n"
    )
    director = Director(load(document), world.provide, retries)
    director.apply("water")
    assert [key[1].rpartition("/")[2] for key in world.things] == ["levels"]
    assert director.dataflows() == ("air", "water")
    with pytest.raises(Unknown):
        director.configuration("water", "bridge")


@pytest.fixture
def ledger() -> Iterator[FileLedger]:
    made = FileLedger()
    yield made
    made.close()


@pytest.fixture
def ephemeral(document: Path, world: Any, retries: Retries, ledger: FileLedger) -> Director:
    """A director of a dataflow that may be torn down; applied already."""
    text = document.read_text().replace("    services:", "    lifecycle: {strategy: ephemeral}\n    services:", 1)
    document.write_text(text)
    director = Director(load(document), world.provide, retries, 1, ledger)
    director.apply("air")
    return director


def named(world: Any, kind: str) -> tuple[str, str]:
    return next(key for key in world.things if key[0] == kind)


def test_an_apply_of_the_plan_that_was_shown_does_that(director: Director, world: Any) -> None:
    told: list[str] = []
    plan = director.plan("air")
    report = director.apply("air", plan.hash, progress=lambda outcome: told.append(outcome.name))
    assert {outcome.result for outcome in report} == {"created"}
    assert told == [outcome.name for outcome in report]
    assert len(told) == 7


def test_a_plan_that_no_longer_fits_touches_nothing_and_says_what_moved(director: Director, world: Any) -> None:
    plan = director.plan("air")
    director.apply("air", resource="topics/dead")
    with pytest.raises(Moved, match="no longer fits, so nothing was touched") as told:
        director.apply("air", plan.hash)
    assert len(world.things) == 1
    [line] = told.value.moved
    assert line.endswith("/topics/dead: was create (does not exist), now none")


def test_a_hash_nobody_here_has_shown_is_answered_with_what_would_be_done_now(director: Director, world: Any) -> None:
    with pytest.raises(Moved) as told:
        director.apply("air", "0" * 64)
    assert len(told.value.moved) == 7
    assert told.value.moved[0].startswith("now create")
    assert world.things == {}


def test_a_part_is_planned_and_applied_with_what_it_needs(director: Director, world: Any) -> None:
    assert [change.kind for change in director.plan("air", service="bridge")] == ["topics"]
    plan = director.plan("air", resource="subscriptions/readings-archive")
    assert [change.kind for change in plan] == ["topics", "topics", "subscriptions"]
    director.apply("air", plan.hash, resource="subscriptions/readings-archive")
    assert len(world.things) == 3


@pytest.mark.parametrize("name", ["topics/absent", "absent", "", "all", "*"])
def test_a_resource_that_is_not_there_is_unknown(director: Director, name: str) -> None:
    for ask in (director.plan, director.teardown_plan, director.apply, director.teardown):
        with pytest.raises(Unknown, match="no resource"):
            ask("air", resource=name)
    with pytest.raises(Unknown, match="cannot be confirmed"):
        director.teardown("air", confirmed=frozenset({name}))


def test_every_effect_is_in_the_journal_with_who_and_which_operation(director: Director) -> None:
    director.apply("air", who="anna@example.com", operation="op-1")
    records = director.history("air")
    assert len(records) == 14
    assert {(one.who, one.operation, one.action) for one in records} == {("anna@example.com", "op-1", "create")}


def test_another_director_is_kept_out_while_one_is_at_work(
    blueprint: Blueprint, director: Director, world: Any, retries: Retries, ledger: FileLedger
) -> None:
    first = Director(blueprint, world.provide, retries, 1, ledger)
    second = Director(blueprint, world.provide, retries, 1, ledger)

    def meet(outcome: Any) -> None:
        with pytest.raises(Busy, match=r"\(process \d+\), whose lease lasts until") as told:
            second.apply("air")
        assert told.value.seconds > 0

    first.apply("air", progress=meet)
    second.apply("air")


def test_what_progress_raises_stops_before_the_next_effect(director: Director, world: Any) -> None:
    def enough(outcome: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        director.apply("air", progress=enough)
    assert len(world.things) == 1
    assert director.apply("air")[0].result == "unchanged"


def test_a_teardown_deletes_what_was_made_dependents_first(ephemeral: Director, world: Any) -> None:
    plan = ephemeral.teardown_plan("air")
    assert {change.action for change in plan} == {"delete"}
    report = ephemeral.teardown("air", plan.hash)
    assert {outcome.result for outcome in report} == {"deleted"}
    assert world.things == {}
    assert world.deleted == [change.key for change in plan]
    assert {outcome.result for outcome in ephemeral.teardown("air")} == {"absent"}


def test_a_permanent_dataflow_stays_as_it_is(director: Director, world: Any) -> None:
    director.apply("air")
    report = director.teardown("air")
    assert {outcome.result for outcome in report} == {"kept"}
    assert all(outcome.reason for outcome in report)
    assert len(world.things) == 7


def test_data_that_nobody_confirmed_keeps_everything(ephemeral: Director, world: Any) -> None:
    table = named(world, "bigquery_tables")
    world.data[table] = Holding("rows")
    report = {outcome.key: outcome for outcome in ephemeral.teardown("air")}
    assert report[table].result == "refused"
    assert report[table].reason == "would lose rows; to want that, confirm rows"
    assert {one.result for key, one in report.items() if key != table} == {"skipped"}
    assert world.deleted == []
    assert {one.result for one in ephemeral.teardown("air", confirmed=frozenset({"rows"}))} == {"deleted"}


def test_confirming_one_name_confirms_no_other(ephemeral: Director, world: Any) -> None:
    table, bucket = named(world, "bigquery_tables"), named(world, "gcs_buckets")
    world.data = {table: Holding("rows"), bucket: Holding("objects")}
    report = {outcome.key: outcome.result for outcome in ephemeral.teardown("air", confirmed=frozenset({"rows"}))}
    assert (report[bucket], report[table]) == ("refused", "skipped")
    assert world.deleted == []


def test_the_hash_of_a_teardown_does_not_depend_on_what_is_confirmed(ephemeral: Director, world: Any) -> None:
    world.data = {named(world, "bigquery_tables"): Holding("rows")}
    plan = ephemeral.teardown_plan("air")
    ephemeral.teardown("air", plan.hash, frozenset({"bigquery_tables/rows"}))
    assert world.things == {}
    with pytest.raises(Moved):
        ephemeral.teardown("air", plan.hash)


def test_data_that_comes_in_after_the_plan_is_not_lost(ephemeral: Director, world: Any) -> None:
    table = named(world, "bigquery_tables")

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "delete":
            world.data[table] = Holding("rows")

    world.strike = strike
    report = {outcome.key: outcome for outcome in ephemeral.teardown("air")}
    assert report[table].result == "refused"
    assert report[table].reason == "would lose rows, which was not there before"
    assert report[named(world, "bigquery_datasets")].result == "skipped"
    assert table in world.things


def test_what_becomes_somebody_elses_after_the_plan_is_left_to_them(ephemeral: Director, world: Any) -> None:
    bucket = named(world, "gcs_buckets")

    def strike(call: str, key: tuple[str, str], when: str) -> None:
        if call == "delete":
            world.things[bucket] = replace(world.things[bucket], labels={"managed-by": "terraform"})

    world.strike = strike
    report = {outcome.key: outcome for outcome in ephemeral.teardown("air")}
    assert (report[bucket].result, report[bucket].reason) == ("refused", "is no longer ours")


def test_a_service_takes_only_what_no_other_is_linked_to(ephemeral: Director, world: Any) -> None:
    report = ephemeral.teardown("air", service="archive")
    assert {outcome.kind for outcome in report} == {"subscriptions", "gcs_buckets", "firestore_collections"}
    assert {outcome.result for outcome in report} == {"deleted"}
    assert len(world.things) == 4
    [topic] = ephemeral.teardown("air", resource="topics/readings")
    assert topic.result == "deleted"


def test_a_lost_journal_makes_nothing_be_deleted_until_somebody_adopts(
    ephemeral: Director, world: Any, retries: Retries, document: Path, ledger: FileLedger
) -> None:
    forgetful = Director(load(document), world.provide, retries, 1)
    assert {outcome.result for outcome in forgetful.teardown("air")} == {"kept"}
    assert {outcome.result for outcome in forgetful.apply("air")} == {"unchanged"}
    assert {outcome.result for outcome in forgetful.teardown("air")} == {"kept"}
    forgetful.apply("air", adopt=True)
    assert {outcome.result for outcome in forgetful.teardown("air")} == {"deleted"}


def test_drift_says_which_side_moved(ephemeral: Director, world: Any) -> None:
    assert ephemeral.drift("air") == ()
    subscription = named(world, "subscriptions")
    world.things[subscription] = replace(world.things[subscription], ack_deadline_seconds=60)
    [found] = ephemeral.drift("air")
    assert (found.field, found.live, found.wanted, found.moved) == ("ack_deadline_seconds", 60, 20, "world")


def test_what_was_made_and_is_no_longer_in_the_document_is_said_and_stays(
    ephemeral: Director, world: Any, retries: Retries, document: Path, ledger: FileLedger
) -> None:
    document.write_text(document.read_text().replace("- name: devices\n", "- name: others\n"))
    report = Director(load(document), world.provide, retries, 1, ledger).teardown("air")
    kept = {outcome.name: outcome for outcome in report}["devices"]
    assert (kept.result, kept.reason.partition(";")[0]) == ("kept", "made by us, but no longer in the document")
    assert list(world.things) == [("firestore_collections", "devices")]


def test_old_lines_of_the_journal_are_forgotten_and_not_what_was_made(ephemeral: Director) -> None:
    """Without its entries the journal would no longer let anything be deleted."""
    assert ephemeral.forget(datetime.now(UTC) - timedelta(days=1), 100) == 0
    assert ephemeral.forget(datetime.now(UTC) + timedelta(seconds=1), 100) == len(["intent", "done"] * 7)
    assert ephemeral.history("air") == []
    assert {outcome.result for outcome in ephemeral.teardown("air")} == {"deleted"}
