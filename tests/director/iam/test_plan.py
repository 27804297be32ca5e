"""From what is wanted, what is live and what is claimed to what has to happen: a table."""

import pytest

from director import keys
from director.iam.bindings import Binding
from director.iam.claims import Claim
from director.iam.plan import Change, World, plan, stale

TOPIC = keys.topic("p", "readings")
GRANT = "roles/pubsub.publisher", "serviceAccount:bridge-sa@p.iam.gserviceaccount.com"
WANTED = Binding(*TOPIC, *GRANT, reasons=("air/bridge publishes",), dataflows=frozenset({"air"}))
LIVE = {"bindings": [{"role": GRANT[0], "members": [GRANT[1]]}]}
OURS, THEIRS = Claim(True, frozenset({"plant/air"})), Claim(False, frozenset({"plant/air"}))
SHARED = Claim(True, frozenset({"plant/air", "site/air"}))
BEGUN = Claim(True, frozenset())


def planned(wanted: bool, live: object, claim: Claim | None, dataflow: str | None = None) -> list[Change]:
    policy = LIVE if live is True else {} if live is False else None
    world = World({TOPIC: policy}, {TOPIC: {GRANT: claim}} if claim else {})
    return list(plan([WANTED] if wanted else [], world, "plant", dataflow))


@pytest.mark.parametrize(
    ("wanted", "live", "claim", "action", "words"),
    [
        (True, False, None, "grant", "air/bridge publishes"),
        (True, False, OURS, "grant", "air/bridge publishes"),
        (True, True, OURS, "keep", "air/bridge publishes"),
        (True, True, None, "keep", "was there before: never revoked"),
        (True, True, THEIRS, "keep", "was there before: never revoked"),
        (True, None, None, "wait", "apply the dataflow first"),
        (False, True, OURS, "revoke", "no link of plant/air asks for it any more"),
        (False, True, THEIRS, "release", "was there before us"),
        (False, True, SHARED, "release", "but site/air does"),
        (False, False, OURS, "release", "gone already"),
        (False, None, OURS, "release", "gone already"),
        (False, True, BEGUN, "revoke", "no link of anything asks for it any more"),
    ],
)
def test_each_binding_has_one_change(wanted: bool, live: object, claim: Claim, action: str, words: str) -> None:
    [change] = planned(wanted, live, claim)
    assert (change.action, change.binding.resource, change.binding.grant) == (action, TOPIC, GRANT)
    assert words in change.why


def test_a_secret_that_is_not_there_is_for_people_to_create() -> None:
    secret = Binding("secrets", "projects/p/secrets/mqtt", "roles/secretmanager.secretAccessor", GRANT[1])
    [change] = plan([secret], World({secret.resource: None}, {}), "plant")
    assert change.action == "wait"
    assert change.why.endswith("create it first")


def test_a_secret_or_an_account_that_the_document_makes_comes_with_the_dataflow() -> None:
    for resource in (keys.secret("p", "mqtt"), keys.service_account("p", "pusher-sa")):
        [change] = plan([Binding(*resource, *GRANT)], World({resource: None}, {}, frozenset({resource})), "plant")
        assert (change.action, change.why.endswith("apply the dataflow first")) == ("wait", True)


def test_what_nobody_wants_and_nobody_claimed_is_no_concern_of_the_plan() -> None:
    assert planned(False, True, None) == []


def test_what_another_document_claims_is_no_concern_of_the_plan() -> None:
    assert planned(False, True, Claim(True, frozenset({"site/air"}))) == []


def test_of_another_dataflow_nothing_is_planned() -> None:
    assert planned(True, False, None, dataflow="water") == []
    assert planned(False, True, OURS, dataflow="water") == []
    assert [change.action for change in planned(False, True, OURS, dataflow="air")] == ["revoke"]


def test_claims_of_an_architecture_whose_name_begins_alike_are_not_its_own() -> None:
    held = frozenset({"plant/air", "plant-2/air"})
    assert stale(held, frozenset(), "plant", None) == {"plant/air"}
    assert stale(held, frozenset(), "plant", "air") == {"plant/air"}
    assert stale(held, frozenset({"plant/air"}), "plant", None) == frozenset()
