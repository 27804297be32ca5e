"""Back to what was last applied whole, as an operation that somebody asks for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden

from director import keys
from director.documents.loading import load
from director.errors import Moved, Unknown
from director.iam.links import made
from director.iam.rights import GRANTS, Rights
from director.keys import Key
from director.ledger.file import FileLedger
from director.provisioning.base import Holding
from director.retries import Retries
from director.service import Director
from tests.director.iam import worlds as policies_in_memory
from tests.director.worlds import Death, Killed, World, always, mortal

Make = Callable[..., Director]
MORE = """
        - name: later
          message_retention_duration: 2d
"""


@pytest.fixture
def make(document: Path, world: World, retries: Retries) -> Make:
    """Directors of the document as it is just now, with one journal."""
    ledger = FileLedger()

    def made(death: Death | None = None) -> Director:
        providers = mortal(world.providers(), death) if death else world.providers()
        return Director(load(document), always(providers), retries, workers=1, ledger=ledger)

    return made


@pytest.fixture
def document(document: Path) -> Path:
    document.write_text(document.read_text().replace("documents_file: devices.yaml", "deletion_policy: ABANDON"))
    return document


def go_on(document: Path, resource: str = MORE) -> None:
    """The document as people change it: another retention, another deadline, and a resource more."""
    text = document.read_text()
    text = text.replace("ack_deadline_seconds: 20", "ack_deadline_seconds: 40")
    text = text.replace("duration: 1d\n          producers", "duration: 3d\n          producers")
    document.write_text(text.replace("      subscriptions:\n", f"{resource[1:]}      subscriptions:\n"))


def fail_at(world: World, name: str) -> None:
    def strike(call: str, key: Key, when: str) -> None:
        if when == "before" and call in ("create", "update") and key[1].endswith(name):
            raise Forbidden("may not")

    world.strike = strike


def mend(world: World) -> None:
    world.strike = lambda call, key, when: None


@pytest.fixture
def failed(make: Make, document: Path, world: World) -> dict[Any, Any]:
    """The world as it was applied whole, before an apply of more failed half way."""
    make().apply("air")
    before = dict(world.things)
    go_on(document)
    fail_at(world, "readings-archive")
    assert not all(one.good for one in make().apply("air"))
    mend(world)
    assert world.things != before
    return before


def test_after_a_failed_apply_everything_is_as_it_was(make: Make, world: World, failed: dict[Any, Any]) -> None:
    director = make()
    report = director.rollback("air", director.rollback_plan("air").hash)
    assert all(one.good for one in report), report
    assert world.things == failed
    assert {one.result for one in report} == {"updated", "unchanged", "deleted"}


def test_its_plan_says_what_goes_back_and_what_goes_away_and_touches_nothing(
    make: Make, world: World, failed: dict[Any, Any]
) -> None:
    then = dict(world.things)
    planned = make().rollback_plan("air")
    assert planned.purpose == "rollback"
    done = {change.name.rpartition("/")[2]: (change.action, change.reasons) for change in planned}
    assert done["readings"] == ("update", ("message_retention_duration: 3d -> 1d",))
    assert done["later"] == ("delete", ("was made after what is gone back to",))
    assert world.things == then


def test_its_plan_shows_the_rights_it_gives_and_takes_as_well(document: Path, world: World, retries: Retries) -> None:
    architecture, policies = load(document).architecture, policies_in_memory.World()
    policies.absent = policies_in_memory.Unmade(made(architecture), world.things)
    entitled = lambda of: Rights(policies.iam(of.architecture))  # noqa: E731
    director = Director(load(document), world.provide, retries, workers=1, rights=entitled)
    director.apply("air")
    policies.put(keys.topic(architecture.project_id, "readings"))
    planned = director.rollback_plan("air")
    assert [change.action for change in planned if change.kind == GRANTS] == ["grant"]
    report = director.rollback("air", planned.hash)
    assert [one.result for one in report if one.kind == GRANTS] == ["granted"]


def test_the_document_stays_and_the_next_apply_goes_forward_again(
    make: Make, world: World, failed: dict[Any, Any]
) -> None:
    make().rollback("air")
    assert all(one.good for one in make().apply("air"))
    assert make().verify("air") == ()
    assert any(key[1].endswith("/later") for key in world.things)


def test_a_good_apply_of_all_is_what_is_gone_back_to_and_nothing_less(make: Make, document: Path, world: World) -> None:
    make().apply("air")
    go_on(document)
    make().apply("air", resource="topics/later")
    assert [change.action for change in make().rollback_plan("air") if change.name.endswith("/later")] == ["delete"]
    make().apply("air")
    assert {change.action for change in make().rollback_plan("air")} == {"none"}


def test_what_was_never_applied_whole_has_no_way_back(make: Make) -> None:
    with pytest.raises(Unknown, match="never applied whole"):
        make().rollback_plan("air")
    with pytest.raises(Unknown, match="never applied whole"):
        make().rollback("air")


def test_a_document_that_is_none_by_todays_rules_is_no_way_back(document: Path, world: World, retries: Retries) -> None:
    ledger = FileLedger()
    director = Director(load(document), world.provide, retries, workers=1, ledger=ledger)
    director.apply("air")
    scope = f"{load(document).architecture.project_id}.plant.air"
    kept = str(ledger.kept(scope)).replace("ack_deadline_seconds", "ack_deadline_hours")
    ledger.keep(scope, 1, kept)
    with pytest.raises(Unknown, match=r"no document any more, so nothing goes back to it: .*ack_deadline_hours"):
        director.rollback_plan("air")


def test_what_holds_data_by_now_has_to_be_confirmed_by_name(make: Make, world: World, failed: dict[Any, Any]) -> None:
    [later] = [key for key in world.things if key[1].endswith("/later")]
    world.data[later] = Holding("ten messages")
    then = dict(world.things)
    report = make().rollback("air")
    [reason] = [one.reason for one in report if one.key == later]
    assert reason == "would lose ten messages; to want that, confirm later"
    assert world.things == then, "with a refusal nothing is touched"
    assert all(one.good for one in make().rollback("air", confirmed=frozenset({"later"})))
    assert world.things == failed


@pytest.mark.parametrize("guard", ["teardown_protection: true", "deletion_policy: PREVENT"])
def test_what_somebody_protects_stays(make: Make, document: Path, world: World, guard: str) -> None:
    make().apply("air")
    go_on(document, MORE.replace("2d", f"2d\n          {guard}"))
    make().apply("air", resource="topics/later")
    report = make().rollback("air")
    assert [one.result for one in report if one.name.endswith("/later")] == ["kept"]
    assert all(one.good for one in report)


def test_what_was_there_before_us_stays(make: Make, document: Path, world: World, failed: dict[Any, Any]) -> None:
    [later] = [key for key in world.things if key[1].endswith("/later")]
    object.__setattr__(world.things[later], "labels", {"owner": "somebody"})
    report = make().rollback("air")
    assert [one.result for one in report if one.key == later] == ["kept"]
    assert later in world.things


def test_a_plan_that_no_longer_fits_is_refused(make: Make, world: World, failed: dict[Any, Any]) -> None:
    director = make()
    planned = director.rollback_plan("air")
    world.things.pop(next(key for key in world.things if key[1].endswith("/later")))
    then = dict(world.things)
    with pytest.raises(Moved):
        director.rollback("air", planned.hash)
    assert world.things == then


def test_a_kill_at_any_call_is_mended_by_the_next_rollback(
    make: Make, document: Path, world: World, failed: dict[Any, Any]
) -> None:
    broken = dict(world.things)
    calls = Death(10**6)
    make(calls).rollback("air")
    assert world.things == failed
    assert calls.calls > 20
    for last in range(calls.calls):
        world.things.clear()
        world.things.update(broken)
        make().apply("air", resource="topics/later", adopt=True)  # the journal says again that we made it
        with pytest.raises(Killed):
            make(Death(last)).rollback("air")
        assert all(one.good for one in make().rollback("air"))
        assert world.things == failed
