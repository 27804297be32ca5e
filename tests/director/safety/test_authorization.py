"""No by default; and for what is not theirs, the same no as for what does not exist."""

import pytest

from director.errors import Unknown
from director.safety.authentication import Identity
from director.safety.authorization import ACTIONS, MAY, OF_ALL, Authorization, NotPermitted
from director.safety.policy import Grant


@pytest.fixture
def authorization() -> Authorization:
    return Authorization(
        [
            Grant(identity="admin", role="admin", dataflows=("*",)),
            Grant(identity="viewer", role="viewer", dataflows=("air",)),
            Grant(identity="both", role="viewer", dataflows=("*",)),
            Grant(identity="both", role="operator", dataflows=("air",)),
            Grant(identity="bridge", role="service", dataflow="air", service="bridge"),
            Grant(identity="bridge", role="service", dataflow="water", service="pump"),
        ]
    )


def who(name: str) -> Identity:
    return Identity(name, "api_key")


def test_nobody_may_do_anything_by_default(authorization: Authorization) -> None:
    for action in ACTIONS:
        with pytest.raises(Unknown):
            authorization.authorize(who("stranger"), action, "air")
        with pytest.raises(NotPermitted):
            authorization.authorize(who("stranger"), action)


def test_what_is_theirs_to_see_and_not_to_do_is_told_so(authorization: Authorization) -> None:
    authorization.authorize(who("viewer"), "plan", "air")
    with pytest.raises(NotPermitted, match="do not include 'apply'"):
        authorization.authorize(who("viewer"), "apply", "air")


def test_grants_add_up_dataflow_by_dataflow(authorization: Authorization) -> None:
    authorization.authorize(who("both"), "apply", "air")
    authorization.authorize(who("both"), "plan", "water")
    with pytest.raises(NotPermitted):
        authorization.authorize(who("both"), "apply", "water")


def test_a_service_has_its_own_slice_only(authorization: Authorization) -> None:
    authorization.authorize(who("bridge"), "read_configuration", "air", "bridge")
    authorization.authorize(who("bridge"), "register", "water", "pump")
    for dataflow, service in (("air", "archive"), ("air", "pump"), ("water", "bridge"), ("fire", "bridge")):
        with pytest.raises(Unknown):
            authorization.authorize(who("bridge"), "read_configuration", dataflow, service)
    with pytest.raises(NotPermitted):
        authorization.authorize(who("bridge"), "apply", "air")
    with pytest.raises(NotPermitted):
        authorization.authorize(who("bridge"), "see", "air")


def test_only_those_with_a_grant_for_all_may_see_what_belongs_to_no_dataflow(authorization: Authorization) -> None:
    assert authorization.may_everywhere(who("admin"), "see_audit")
    assert not authorization.may_everywhere(who("both"), "see_audit")
    assert authorization.may_everywhere(who("both"), "see_events")
    assert not authorization.may_everywhere(who("viewer"), "see_events")


def test_only_admins_tear_down_and_read_the_audit() -> None:
    for action in ("teardown", "see_audit"):
        assert [role for role, allowed in MAY.items() if action in allowed] == ["admin"]


def test_each_role_above_viewer_includes_the_one_below() -> None:
    assert MAY["viewer"] < MAY["operator"] < MAY["admin"] | {"open"}
    assert all("open" not in allowed for allowed in MAY.values())


def test_what_is_of_all_dataflows_is_for_those_who_may_do_it_in_all(authorization: Authorization) -> None:
    part = Grant(identity="part", role="admin", dataflows=("air", "water"))
    authorization.renew([part, Grant(identity="whole", role="admin", dataflows=("*",))])
    for action in OF_ALL:
        authorization.authorize(who("whole"), action)
        with pytest.raises(NotPermitted):
            authorization.authorize(who("part"), action)
    authorization.authorize(who("part"), "teardown", "air")


def test_renewed_grants_take_the_place_of_those_there_were(authorization: Authorization) -> None:
    authorization.renew([Grant(identity="stranger", role="viewer", dataflows=("air",))])
    authorization.authorize(who("stranger"), "see", "air")
    with pytest.raises(Unknown):
        authorization.authorize(who("viewer"), "see", "air")
