"""Policies by the rules of IAM: etags, versions, conditions, members."""

import asyncio

import grpc
import pytest
from google.iam.v1.policy_pb2 import Policy

from localcloud.faults import Fault, Faults, Struck
from localcloud.iam import NEVER_SET, Policies, held
from localcloud.rpc import RpcError

ROLE = "roles/pubsub.publisher"
KNOWN = {"pubsub.topics.publish", "pubsub.topics.get"}


class Thing:
    """Something with a policy."""


def conditional(version: int) -> Policy:
    binding = {"role": ROLE, "members": ["user:a@b.c"], "condition": {"title": "t", "expression": "true"}}
    return Policy(version=version, bindings=[binding])


def refused(policy: Policy) -> RpcError:
    with pytest.raises(RpcError) as error:
        Policies().put(Thing(), policy)
    return error.value


def test_a_policy_nobody_set_is_empty_and_has_an_etag() -> None:
    assert Policies().get(Thing(), 0) == Policy(etag=NEVER_SET)


def test_a_policy_is_given_back_with_an_etag_that_changes_with_it() -> None:
    policies, thing = Policies(), Thing()
    first = policies.put(thing, Policy(bindings=[{"role": ROLE, "members": ["allUsers"]}]))
    assert policies.get(thing, 1) == first
    second = policies.put(thing, first)
    assert second.bindings == first.bindings
    assert second.etag != first.etag


def test_a_policy_that_was_changed_meanwhile_is_not_overwritten() -> None:
    policies, thing = Policies(), Thing()
    read = policies.get(thing, 1)
    policies.put(thing, read)
    with pytest.raises(RpcError) as error:
        policies.put(thing, read)
    assert error.value.code is grpc.StatusCode.ABORTED
    assert policies.put(thing, Policy()).version == 1  # without an etag whatever there is goes


def test_each_thing_has_a_policy_of_its_own() -> None:
    policies, thing = Policies(), Thing()
    policies.put(thing, Policy(bindings=[{"role": ROLE, "members": ["allUsers"]}]))
    assert not policies.get(Thing(), 1).bindings


def test_conditions_are_shown_to_those_who_know_of_them_only() -> None:
    policies, thing = Policies(), Thing()
    kept = policies.put(thing, conditional(3))
    assert policies.get(thing, 3) == kept
    [binding] = policies.get(thing, 1).bindings
    assert binding.role.startswith(f"{ROLE}_withcond_")
    assert not binding.HasField("condition")
    assert policies.get(thing, 3) == kept


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        (Policy(version=2), "version 2"),
        (conditional(1), "must have version 3"),
        (Policy(bindings=[{"role": "publisher", "members": ["allUsers"]}]), "Role publisher"),
        (Policy(bindings=[{"role": ROLE, "members": ["a@b.c"]}]), "member a@b.c"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: Policy, complaint: str) -> None:
    error = refused(policy)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert complaint in error.message


def test_a_version_that_does_not_exist_cannot_be_asked_for() -> None:
    with pytest.raises(RpcError, match="version 7"):
        Policies().get(Thing(), 7)


def ask(faults: Faults, *asked: str) -> list[str]:
    return asyncio.run(held(faults, "projects/p/topics/t", asked, KNOWN))


def test_everything_is_permitted_that_no_fault_takes_away() -> None:
    faults = Faults()
    assert ask(faults, "pubsub.topics.get", "pubsub.topics.publish") == ["pubsub.topics.get", "pubsub.topics.publish"]
    faults.add(Fault(method="pubsub.topics.publish", resource="*/topics/t", code="PERMISSION_DENIED"))
    faults.add(Fault(method="pubsub.topics.get", resource="*/topics/other", code="PERMISSION_DENIED"))
    assert ask(faults, "pubsub.topics.get", "pubsub.topics.publish") == ["pubsub.topics.get"]


def test_another_fault_on_a_permission_ends_the_call() -> None:
    faults = Faults()
    faults.add(Fault(method="pubsub.topics.publish", code="UNAVAILABLE"))
    with pytest.raises(Struck):
        ask(faults, "pubsub.topics.publish")


@pytest.mark.parametrize("asked", ["pubsub.*", "pubsub.topics.sing"])
def test_a_permission_that_does_not_exist_cannot_be_asked_for(asked: str) -> None:
    with pytest.raises(RpcError) as error:
        ask(Faults(), asked)
    assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT
