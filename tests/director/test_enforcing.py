"""Drift in a director that serves: told as an event and figures, and enforced as an operation in the audit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from google.api_core.exceptions import Forbidden

from director.documents.loading import load
from director.enforcing import DriftTold, Enforcement
from director.errors import Busy
from director.patrol import Patrol
from director.rest.app import EXTENSION, close, create_app
from director.rest.route import Parts
from director.retries import Retries
from director.service import Director
from tests.director.worlds import World


@pytest.fixture
def app(document: Path, world: World, retries: Retries) -> Iterator[Flask]:
    document.write_text(document.read_text().replace("- name: dead\n", "- name: dead\n          enforce: true\n"))
    director = Director(load(document), world.provide, retries, workers=1)
    director.apply("air")
    made = create_app(director)
    yield made
    close(made)


@pytest.fixture
def parts(app: Flask) -> Parts:
    found: Parts = app.extensions[EXTENSION]
    return found


@pytest.fixture
def patrol(parts: Parts) -> Patrol:
    tell = DriftTold(parts.events.tell, parts.figures.registry)
    return Patrol(parts.director, tell, Enforcement(parts.director, parts.operations, parts.audit), every=60)


def drift(world: World, name: str = "dead") -> Any:
    key = next(key for key in world.things if key[1].endswith(f"/topics/{name}"))
    world.things[key] = replace(world.things[key], message_retention_duration=None)
    return key


def figures(app: Flask) -> str:
    return app.test_client().get("/metrics").text


def test_a_world_as_wanted_is_a_figure_and_no_event(app: Flask, parts: Parts, patrol: Patrol) -> None:
    patrol.look()
    assert "director_drift_looks_total 1.0" in figures(app)
    assert "director_drift_fields 0.0" in figures(app)


def test_what_is_enforced_is_put_right_by_an_operation(app: Flask, world: World, patrol: Patrol) -> None:
    key = drift(world)
    patrol.look()
    assert world.things[key].message_retention_duration is not None
    client = app.test_client()
    [operation] = client.get("/v1/operations").json["operations"]
    assert (operation["kind"], operation["state"], operation["by"]) == ("apply", "succeeded", "schedule")
    assert operation["resource"] == f"topics/{key[1]}"
    outcome, intent = client.get("/v1/audit").json["records"]
    assert (intent["who"], intent["action"], outcome["result"]) == ("schedule", "apply", "succeeded")
    assert "director_drift_fields 1.0" in figures(app)
    patrol.look()
    assert "director_drift_fields 0.0" in figures(app)


def test_drift_that_nobody_wants_enforced_is_only_told(app: Flask, world: World, patrol: Patrol) -> None:
    key = drift(world, "readings")
    patrol.look()
    assert world.things[key].message_retention_duration is None
    assert app.test_client().get("/v1/operations").json["operations"] == []
    assert "director_drift_fields 1.0" in figures(app)


def test_what_an_enforced_resource_needs_is_left_alone(document: Path, world: World, retries: Retries) -> None:
    text = document.read_text()
    document.write_text(
        text.replace("- name: readings-archive\n", "- name: readings-archive\n          enforce: true\n")
    )
    director = Director(load(document), world.provide, retries, workers=1)
    director.apply("air")
    topic = drift(world, "readings")
    [subscription] = [key for key in world.things if key[0] == "subscriptions"]
    world.things[subscription] = replace(world.things[subscription], ack_deadline_seconds=600)
    app = create_app(director)
    parts: Parts = app.extensions[EXTENSION]
    Enforcement(director, parts.operations, parts.audit)("air", f"subscriptions/{subscription[1]}")
    close(app)
    assert world.things[subscription].ack_deadline_seconds == 20
    assert world.things[topic].message_retention_duration is None, "nobody wants this enforced"


def test_an_apply_that_fails_is_told_as_such_and_tried_by_the_next_look(
    app: Flask, world: World, patrol: Patrol
) -> None:
    key = drift(world)

    def strike(call: str, key: Any, when: str) -> None:
        if call == "update":
            raise Forbidden("may not")

    world.strike = strike
    patrol.look()
    world.strike = lambda call, key, when: None
    patrol.look()
    states = [one["state"] for one in app.test_client().get("/v1/operations").json["operations"]]
    assert states == ["succeeded", "failed"]
    assert world.things[key].message_retention_duration is not None


def test_while_somebody_changes_the_dataflow_nothing_is_begun(parts: Parts, world: World) -> None:
    enforce = Enforcement(parts.director, parts.operations, parts.audit)
    key = drift(world)

    def strike(call: str, at: Any, when: str) -> None:
        if call == "observe" and when == "before":
            world.strike = lambda call, key, when: None
            with pytest.raises(Busy):
                enforce("air", f"topics/{key[1]}")

    world.strike = strike
    enforce("air", f"topics/{key[1]}")
    assert world.things[key].message_retention_duration is not None
