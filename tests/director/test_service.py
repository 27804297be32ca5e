"""The director as both doors see it."""

import threading
from pathlib import Path
from typing import Any

import pytest

from director.documents import Blueprint, load
from director.errors import Busy, Unknown
from director.resources.retries import Retries
from director.service import Director


@pytest.fixture
def director(blueprint: Blueprint, world: Any, retries: Retries) -> Director:
    return Director(blueprint, world.providers(), retries, workers=1)


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
    for ask in (director.plan, director.apply, director.verify, director.description):
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


def test_dataflows_know_only_their_own(document: Path, world: Any, retries: Retries) -> None:
    document.write_text(
        document.read_text()
        + "  water:\n    services: {pump: {service_account: pump-sa}}\n"
        + "    resources: {topics: [{name: levels, message_retention_duration: 1d}]}\n"
    )
    director = Director(load(document), world.providers(), retries)
    director.apply("water")
    assert [key[1].rpartition("/")[2] for key in world.things] == ["levels"]
    assert director.dataflows() == ("air", "water")
    with pytest.raises(Unknown):
        director.configuration("water", "bridge")
