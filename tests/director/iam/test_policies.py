"""A policy changed: what is asked for and nothing else, under its etag."""

from typing import Any

import pytest
from google.api_core.exceptions import Aborted, Conflict, Forbidden, PreconditionFailed, ServiceUnavailable
from hypothesis import given
from hypothesis import strategies as st

from director.iam.bindings import Grant
from director.iam.policies import Policy, changed, grants, rewrite, unconditional
from director.retries import Retries

ROLES = st.sampled_from(["roles/a", "roles/b", "roles/c"])
MEMBERS = st.sampled_from(["user:x@y.z", "user:q@y.z", "serviceAccount:s@y.z"])
CONDITION = {"title": "t", "expression": "true"}
BINDINGS = st.builds(
    lambda role, members, limited: {"role": role, "members": members, **({"condition": CONDITION} if limited else {})},
    ROLES,
    st.lists(MEMBERS, unique=True, min_size=1),
    st.booleans(),
)
POLICIES = st.builds(lambda found: {"bindings": found, "etag": "e", "auditConfigs": [1]}, st.lists(BINDINGS))
GRANTS = st.frozensets(st.tuples(ROLES, MEMBERS))


@given(POLICIES, GRANTS, GRANTS)
def test_what_is_asked_for_is_there_and_all_else_is_as_it_was(policy: Any, add: Any, remove: Any) -> None:
    new = changed(policy, add, remove - add)
    assert unconditional(new) == (unconditional(policy) - (remove - add)) | add
    assert {key: new[key] for key in ("etag", "auditConfigs")} == {"etag": "e", "auditConfigs": [1]}


@given(POLICIES, GRANTS, GRANTS)
def test_bindings_with_a_condition_are_never_touched(policy: Any, add: Any, remove: Any) -> None:
    def limited(of: Policy) -> list[Any]:
        return [binding for binding in of["bindings"] if binding.get("condition")]

    assert limited(changed(policy, add, remove)) == limited(policy)


@given(POLICIES, GRANTS, GRANTS)
def test_the_policy_given_is_left_alone_and_no_binding_is_without_members(policy: Any, add: Any, remove: Any) -> None:
    before = str(policy)
    new = changed(policy, add, remove)
    assert str(policy) == before
    assert all(binding["members"] for binding in new["bindings"])
    assert new["version"] == 3


def test_a_grant_under_a_condition_is_not_taken_for_one_without() -> None:
    policy = {"bindings": [{"role": "roles/a", "members": ["user:x@y.z"], "condition": CONDITION}]}
    assert unconditional(policy) == frozenset()
    new = changed(policy, {("roles/a", "user:x@y.z")}, ())
    assert sorted(grants(new)) == [("roles/a", "user:x@y.z", False), ("roles/a", "user:x@y.z", True)]


class Racing:
    """A door that others went through first, `races` times over."""

    def __init__(self, races: int, error: Exception) -> None:
        self.policy: Policy = {"etag": "0"}
        self._races = races
        self._error = error

    def get(self, name: str) -> Policy:
        return self.policy

    def put(self, name: str, policy: Policy) -> None:
        if self._races:
            self._races -= 1
            self.policy = changed({**self.policy, "etag": str(self._races)}, {("roles/b", "user:other@y.z")}, ())
            raise self._error
        assert policy["etag"] == self.policy["etag"]
        self.policy = policy


MINE: Grant = ("roles/a", "user:x@y.z")


@pytest.mark.parametrize(
    "error", [Conflict("409"), Aborted("ABORTED"), PreconditionFailed("412"), ServiceUnavailable("503")]
)
def test_who_comes_second_reads_again_and_keeps_what_the_first_wrote(error: Exception) -> None:
    door, pauses = Racing(3, error), list[float]()
    retries = Retries(sleep=pauses.append, random=lambda: 0.5)
    rewrite(door, "projects/p/topics/t", lambda policy: changed(policy, {MINE}, ()), retries)
    assert unconditional(door.policy) == {MINE, ("roles/b", "user:other@y.z")}
    assert len(pauses) == 3


def test_a_race_that_is_never_won_ends_as_such() -> None:
    with pytest.raises(Aborted, match=r"the policy of projects/p/topics/t was changed by others"):
        rewrite(
            Racing(99, Conflict("409")),
            "projects/p/topics/t",
            lambda policy: changed(policy, {MINE}, ()),
            Retries(attempts=3, sleep=lambda seconds: None),
        )


def test_what_will_not_pass_is_not_tried_again() -> None:
    door = Racing(1, Forbidden("403"))
    with pytest.raises(Forbidden):
        rewrite(door, "t", lambda policy: changed(policy, {MINE}, ()), Retries(sleep=lambda seconds: None))


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    rewrite(Racing(1, Forbidden("403")), "t", lambda policy: policy, Retries())
