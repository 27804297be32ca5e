"""What holds whatever is applied in which order: nobody's grants are lost, and none of ours is left behind."""

import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from director.documents.model import Architecture
from director.iam.bindings import PROJECTS, Grant
from director.iam.links import bindings
from director.iam.policies import grants
from director.keys import Key, bucket, topic
from tests.director.iam.worlds import World

PROJECT = "plant-project"
FOREIGN = "user:anna@example.com"
OURS = f"serviceAccount:shared-sa@{PROJECT}.iam.gserviceaccount.com"
LIMITED = {"title": "until May", "expression": "request.time < timestamp('2030-05-01T00:00:00Z')"}
PLACES = (topic(PROJECT, "first"), topic(PROJECT, "second"), bucket("plant-files"), (PROJECTS, PROJECT))
ROLES = ("roles/pubsub.publisher", "roles/storage.objectViewer", "roles/datastore.viewer")
LINKS = ("first", "second", "plant-files", "devices")
Links = dict[str, frozenset[str]]  # by dataflow: what its one service is linked to


def architecture(name: str, links: Links) -> Architecture:
    """Of dataflows whose services share one account, so that they often want the very same grant."""
    dataflows = {dataflow: _dataflow(linked) for dataflow, linked in links.items()}
    top = {"name": name, "project_id": PROJECT, "region": "europe-west1", "location": "EU", "dataflows": dataflows}
    return Architecture.model_validate_json(json.dumps(top))


def _dataflow(linked: frozenset[str]) -> dict[str, Any]:
    link = [{"name": "worker", "lookup": {"key": "place"}}]
    resources = {
        "topics": [{"name": each, "producers": link} for each in ("first", "second") if each in linked],
        "gcs_buckets": [{"name": each, "consumers": link} for each in ("plant-files",) if each in linked],
        "firestore_collections": [{"name": each, "consumers": link} for each in ("devices",) if each in linked],
    }
    return {"services": {"worker": {"service_account": "shared-sa"}}, "resources": resources}


def wanted(*architectures: Architecture) -> set[tuple[Key, Grant]]:
    return {(one.resource, one.grant) for each in architectures for one in bindings(each, "42")}


linked = st.frozensets(st.sampled_from(LINKS))
documents = st.fixed_dictionaries({"air": linked, "water": linked})
steps = st.lists(st.tuples(st.sampled_from(["plant", "site"]), documents, st.sampled_from([None, "air", "water"])))
foreign_bindings = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(ROLES), st.sampled_from([FOREIGN, OURS]), st.booleans()),
    max_size=6,
    unique=True,
)


def filled(foreign: list[tuple[Key, str, str, bool]]) -> World:
    """A world in which others have granted something already."""
    world, by_place = World(), dict[Key, list[dict[str, Any]]]()
    for place, role, member, limited in foreign:
        condition = {"condition": LIMITED} if limited else {}
        by_place.setdefault(place, []).append({"role": role, "members": [member], **condition})
    for place, found in by_place.items():
        world.put(place, *found)
    return world


def everything(world: World) -> set[tuple[Key, str, str, bool]]:
    return {(key, *each) for key, policy in world.policies.items() for each in grants(policy)}


@settings(max_examples=300, deadline=None)
@given(foreign_bindings, steps)
def test_what_others_granted_stays_and_with_it_every_condition(
    foreign: list[tuple[Key, str, str, bool]], applied: list[tuple[str, Links, str | None]]
) -> None:
    world = filled(foreign)
    before = everything(world)
    for name, links, dataflow in applied:
        assert all(outcome.good for outcome in world.iam(architecture(name, links)).apply(dataflow))
        assert before <= everything(world)


@settings(max_examples=300, deadline=None)
@given(foreign_bindings, steps, documents, documents)
def test_in_the_end_there_is_what_both_documents_want_and_what_was_there_before_and_nothing_else(
    foreign: list[tuple[Key, str, str, bool]],
    applied: list[tuple[str, Links, str | None]],
    plant: Links,
    site: Links,
) -> None:
    world = filled(foreign)
    before = world.live()
    for name, links, dataflow in applied:
        world.iam(architecture(name, links)).apply(dataflow)
    last = architecture("plant", plant), architecture("site", site)
    for each in last:
        world.iam(each).apply()
    assert world.live() == before | wanted(*last)
    assert before or all(world.iam(each).verify() == () for each in last)


@settings(max_examples=200, deadline=None)
@given(documents, st.permutations(["air", "water"]))
def test_two_dataflows_applied_one_by_one_come_to_the_same_as_together(links: Links, order: list[str]) -> None:
    whole, apart, document = World(), World(), architecture("plant", links)
    whole.iam(document).apply()
    for dataflow in order:
        apart.iam(document).apply(dataflow)
    assert apart.live() == whole.live() == wanted(document)


@settings(max_examples=200, deadline=None)
@given(documents, documents)
def test_a_second_apply_writes_nothing(first: Links, second: Links) -> None:
    world = World()
    world.iam(architecture("plant", first)).apply()
    world.iam(architecture("plant", second)).apply()
    world.writes.clear()
    world.strike = lambda effect, resource, when: pytest.fail(f"{effect} on {resource}")
    assert {outcome.result for outcome in world.iam(architecture("plant", second)).apply()} <= {"kept"}
    assert world.writes == []


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_effect_and_run_again_it_comes_to_the_same_end(when: str) -> None:
    first = architecture("plant", {"air": frozenset(LINKS[:3]), "water": frozenset()})
    second = architecture("plant", {"air": frozenset(LINKS[1:2]), "water": frozenset(LINKS[3:])})
    foreign = [(PLACES[2], ROLES[1], OURS, False), (PLACES[0], ROLES[0], FOREIGN, True)]
    effects = 0
    for kill_at in range(200):
        world, calls = filled(foreign), iter(range(10_000))
        world.iam(first).apply()

        def strike(effect: str, resource: Key, at: str, calls: Any = calls, kill_at: int = kill_at) -> None:
            if at == when and next(calls) == kill_at:
                raise Killed

        world.strike = strike
        try:
            world.iam(second).apply()
        except Killed:
            effects += 1
        else:
            break
        world.strike = lambda effect, resource, when: None
        assert all(outcome.good for outcome in world.iam(second).apply())
        assert world.live() == {(PLACES[2], (ROLES[1], OURS))} | wanted(second)
        world.iam(architecture("plant", {"air": frozenset(), "water": frozenset()})).apply()
        assert world.live() == {(PLACES[2], (ROLES[1], OURS))}  # what was ours is known to be ours, killed or not
    assert effects == 7  # a claim, a policy and a claim; a claim; a claim, a claim as ours and a policy


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first_leaves", [True, False])
def test_an_apply_that_falls_between_any_two_effects_of_another_takes_nothing_from_it(
    when: str, first_leaves: bool
) -> None:
    leaving, coming = architecture("plant", {"air": frozenset()}), architecture("site", {"air": frozenset(LINKS)})
    first, second = (leaving, coming) if first_leaves else (coming, leaving)
    points = 0
    for point in range(200):
        world, calls = World(), iter(range(10_000))
        world.iam(architecture("plant", {"air": frozenset(LINKS)})).apply()

        def strike(
            effect: str, resource: Key, at: str, world: World = world, calls: Any = calls, k: int = point
        ) -> None:
            if at == when and next(calls) == k:
                world.strike = lambda effect, resource, when: None
                world.iam(second).apply()

        world.strike = strike
        world.iam(first).apply()
        if world.strike is strike:  # no such point any more
            break
        points += 1
        assert world.live() == wanted(coming)
        world.iam(architecture("site", {"air": frozenset()})).apply()
        assert world.live() == set()
    assert points >= len(PLACES)


def test_appliers_at_once_lose_nothing_of_each_other() -> None:
    for _ in range(20):
        world = World()
        leaving = architecture("plant", {"air": frozenset(LINKS)})
        world.iam(leaving).apply()
        last = [architecture("plant", {"air": frozenset()})]
        last += [architecture(f"site-{number}", {"air": frozenset(LINKS)}) for number in range(4)]
        threads = [threading.Thread(target=world.iam(each, workers=4).apply) for each in last]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert world.live() == wanted(*last)
