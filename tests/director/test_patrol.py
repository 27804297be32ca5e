"""Drift on a schedule: always told, put right only where the document asks for that."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from director.documents.loading import load
from director.errors import Busy, Unavailable
from director.patrol import Patrol
from director.provisioning.drift import Drift
from director.retries import Retries
from director.service import Director
from tests.director.worlds import World


class Seen:
    """Who is told, and who is asked to put things right."""

    def __init__(self, director: Director) -> None:
        self._director = director
        self.told: list[tuple[str, Sequence[Drift]]] = []
        self.enforced: list[str] = []
        self.error: Exception | None = None

    def tell(self, dataflow: str, found: Sequence[Drift]) -> None:
        self.told.append((dataflow, found))

    def enforce(self, dataflow: str, resource: str) -> None:
        self.enforced.append(resource)
        if self.error:
            raise self.error
        self._director.apply(dataflow, resource=resource)


@pytest.fixture
def director(document: Path, world: World, retries: Retries) -> Director:
    text = document.read_text().replace("- name: dead\n", "- name: dead\n          enforce: true\n")
    document.write_text(text)
    made = Director(load(document), world.provide, retries, workers=1)
    made.apply("air")
    return made


@pytest.fixture
def seen(director: Director) -> Seen:
    return Seen(director)


@pytest.fixture
def patrol(director: Director, seen: Seen) -> Patrol:
    return Patrol(director, seen.tell, seen.enforce, every=0.01)


def topics(world: World) -> dict[str, Any]:
    return {key[1].rpartition("/")[2]: key for key in world.things if key[0] == "topics"}


def drifted(world: World, *names: str) -> None:
    for name in names:
        key = topics(world)[name]
        world.things[key] = replace(world.things[key], message_retention_duration=None)


def test_no_drift_is_told_as_well(patrol: Patrol, seen: Seen) -> None:
    patrol.look()
    assert seen.told == [("air", ())]


def test_drift_is_told_and_only_what_is_enforced_is_put_right(patrol: Patrol, seen: Seen, world: World) -> None:
    drifted(world, "readings", "dead")
    patrol.look()
    [(dataflow, found)] = seen.told
    assert (dataflow, len(found)) == ("air", 2)
    assert seen.enforced == ["topics/" + topics(world)["dead"][1]]
    patrol.look()
    assert [one.name for one in seen.told[-1][1]] == [topics(world)["readings"][1]]


def test_what_was_deleted_is_made_again(patrol: Patrol, seen: Seen, world: World) -> None:
    key = topics(world)["dead"]
    del world.things[key]
    patrol.look()
    assert key in world.things


def test_of_a_dataflow_that_is_no_more_there_is_no_drift_any_more(
    patrol: Patrol, seen: Seen, director: Director, document: Path, world: World
) -> None:
    drifted(world, "readings")
    patrol.look()
    document.write_text(document.read_text().replace("\n  air:\n", "\n  water:\n"))
    director.renew(load(document))
    patrol.look()
    patrol.look()
    assert [(dataflow, len(found) > 0) for dataflow, found in seen.told] == [
        ("air", True), ("air", False), ("water", True), ("water", True)
    ]  # fmt: skip


@pytest.mark.parametrize("error", [Busy("somebody else is at it"), Unavailable("Google is away")])
def test_what_cannot_be_put_right_now_is_tried_by_the_next_look(
    patrol: Patrol, seen: Seen, world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    drifted(world, "dead")
    seen.error = error
    patrol.look()
    assert "is to be enforced, and could not be" in caplog.text
    seen.error = None
    patrol.look()
    assert len(seen.enforced) == 2
    patrol.look()
    assert len(seen.enforced) == 2


def test_what_cannot_be_looked_at_is_logged(
    patrol: Patrol, seen: Seen, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def strike(call: str, key: Any, when: str) -> None:
        raise ServiceUnavailable("away")

    world.strike = strike
    patrol.look()
    assert seen.told == []
    assert "dataflow air could not be looked at for drift" in caplog.text


def test_it_looks_again_and_again_and_outlives_errors(
    patrol: Patrol, seen: Seen, world: World, eventually: Callable[..., None]
) -> None:
    calls = iter(range(1))

    def strike(call: str, key: Any, when: str) -> None:
        if next(calls, None) is not None:
            raise RuntimeError("a bug")

    world.strike = strike
    patrol.start()
    try:
        eventually(lambda: len(seen.told) > 3)
    finally:
        patrol.stop()
    assert "patrol" not in [thread.name for thread in threading.enumerate()]
