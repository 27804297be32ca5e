"""A plan's hash stands for what should be and what is; its JSON can be kept and held against the world again."""

import json
from dataclasses import replace
from typing import Any

import pytest

from director.documents.loading import Blueprint
from director.errors import Misconfigured
from director.provisioning.base import Observed
from director.provisioning.plan import plan
from director.provisioning.plan_document import PlanDocument, facts, read, written
from director.resources.catalogue import wanted


def document(blueprint: Blueprint, seeds: Any = None, **different: Any) -> PlanDocument:
    """With everything there; the first topic otherwise in the fields given."""
    resources = wanted(blueprint, "air")
    world: dict[Any, Any] = {one.key: Observed(one.state, one.owner) for one in resources}
    topic = resources[0]
    world[topic.key] = Observed(replace(topic.state, **different), topic.owner)
    found = facts(resources, world, seeds or {})
    return PlanDocument("plant", "air", "apply", plan(resources, world), found).hashed()


def test_the_same_world_and_document_have_the_same_hash(blueprint: Blueprint) -> None:
    assert document(blueprint).hash == document(blueprint).hash
    assert len(document(blueprint).hash) == 64


def test_the_hash_moves_with_the_world_even_where_nothing_is_to_be_done(blueprint: Blueprint) -> None:
    labels = {**wanted(blueprint, "air")[0].state.labels, "cost": "x"}
    moved = document(blueprint, labels=labels)
    assert {change.action for change in moved} == {"none"}
    assert moved.hash != document(blueprint).hash
    [line] = moved.moved(document(blueprint))
    assert line.endswith("/topics/readings: none as before, but what is there, or wanted, has changed")


def test_the_hash_moves_with_seeds_and_with_the_part_that_is_planned(blueprint: Blueprint) -> None:
    one = document(blueprint)
    key = ("firestore_collections", "devices")
    assert document(blueprint, {key: {"d-1": {"a": 1}}}).hash != document(blueprint, {key: {"d-1": {"a": 2}}}).hash
    assert replace(one, service="bridge").hashed().hash != one.hash
    assert replace(one, purpose="teardown").hashed().hash != one.hash


def test_what_moved_is_said_by_resource(blueprint: Blueprint) -> None:
    now, then = document(blueprint, message_retention_duration=None), document(blueprint)
    topic = now.changes[0]
    assert now.moved(then) == (f"topics {topic.name}: was none, now update (message_retention_duration: none -> 1d)",)
    assert now.moved(now) == ()
    fewer = replace(then, changes=then.changes[1:])
    assert fewer.moved(then) == (f"topics {topic.name}: no longer in the document",)
    assert then.moved(fewer) == (f"topics {topic.name}: new in the document, now none",)


def test_its_json_comes_back_as_it_was(blueprint: Blueprint) -> None:
    one = document(blueprint, message_retention_duration=None)
    assert read(written([one])) == [one]
    assert written([one]) == written([document(blueprint, message_retention_duration=None)])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plans": [{}]}', '{"plans": [1]}', '{"plans": 1}', "\x00"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"this is no (plan|file)"):
        read(text)


def test_a_plan_that_was_edited_is_refused(blueprint: Blueprint) -> None:
    data = json.loads(written([document(blueprint, message_retention_duration=None)]))
    data["plans"][0]["changes"][0]["action"] = "none"
    with pytest.raises(Misconfigured, match="was changed"):
        read(json.dumps(data))


def test_its_last_line_says_how_much_there_is_to_do(blueprint: Blueprint) -> None:
    one = document(blueprint, message_retention_duration=None)
    assert str(one).splitlines()[-1] == f"hash {one.hash} apply of air: 1 update, 6 none"
    assert len(str(one).splitlines()) == 8
