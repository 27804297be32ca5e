"""Long calls as operations: begun, asked after, waited for, cancelled, and begun only once."""

from collections.abc import Callable
from typing import Any

import pytest

from director.operations.vitals import Listening
from director.rest.app import EXTENSION
from tests.director.rest.conftest import Door

ASYNC = {"Prefer": "respond-async"}


def begin(door: Door) -> dict[str, Any]:
    response = door.as_("operator").post("/v1/dataflows/air:apply", headers=ASYNC)
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert response.headers["Location"] == f"/v1/operations/{response.json['id']}"
    found: dict[str, Any] = response.json
    return found


def test_a_caller_may_be_answered_at_once_and_come_back(
    door: Door, held: Callable[[], None], eventually: Callable[..., None]
) -> None:
    begun = begin(door)
    viewer = door.as_("viewer")
    path = f"/v1/operations/{begun['id']}"
    assert viewer.get(f"{path}:wait?timeout=0.05").json["state"] == "running"
    held()
    final = viewer.get(f"{path}:wait?timeout=20").json
    assert (final["state"], len(final["resources"]), final["by"]) == ("succeeded", 7, "operator")
    assert viewer.get(path).json == final


def test_while_one_runs_another_is_told_which(door: Door, held: Callable[[], None]) -> None:
    begun = begin(door)
    second = door.as_("operator").post("/v1/dataflows/air:apply")
    assert (second.status_code, second.json["code"]) == (409, "busy")
    assert begun["id"] in second.json["message"]


def test_a_cancelled_one_stops_between_resources(door: Door, held: Callable[[], None], world: Any) -> None:
    begun = begin(door)
    path = f"/v1/operations/{begun['id']}"
    assert door.as_("viewer").post(f"{path}:cancel").status_code == 403
    assert door.as_("operator").post(f"{path}:cancel").json["state"] == "cancelling"
    held()
    final = door.as_("viewer").get(f"{path}:wait?timeout=20").json
    assert final["state"] == "cancelled"
    assert 0 < len(final["resources"]) < 7
    assert len(world.things) == len(final["resources"])
    again = door.as_("operator").post("/v1/dataflows/air:apply")
    assert again.status_code == 200, "what was begun is completed by the next"


def test_the_same_request_is_carried_out_once(door: Door, world: Any) -> None:
    once = {"Idempotency-Key": "0b6ae1f2"}
    operator = door.as_("operator")
    first = operator.post("/v1/dataflows/air:apply", headers=once)
    again = operator.post("/v1/dataflows/air:apply", headers=once)
    assert first.json == again.json
    assert len(operator.get("/v1/operations").json["operations"]) == 1
    other = operator.post("/v1/dataflows/air:apply", headers=once, json={"service": "bridge"})
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    admin = door.as_("admin").post("/v1/dataflows/air:apply", headers=once, json={"service": "bridge"})
    assert admin.status_code == 200, "a key is its caller's own"
    assert len(world.created) == 7


@pytest.mark.parametrize("key", ["", "x" * 65, "\xe9"])
def test_an_odd_key_is_refused(door: Door, key: str) -> None:
    response = door.as_("operator").post("/v1/dataflows/air:apply", headers={"Idempotency-Key": key})
    assert (response.status_code, response.json["problems"][0]["pointer"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("timeout", ["-1", "31", "nan", "inf", "soon"])
def test_nobody_waits_for_ever(door: Door, timeout: str) -> None:
    done = door.as_("operator").post("/v1/dataflows/air:apply").json["operation"]
    response = door.as_("viewer").get(f"/v1/operations/{done}:wait?timeout={timeout}")
    assert (response.status_code, response.json["code"]) == (400, "bad_request")


def test_operations_are_listed_in_pages_and_by_state(door: Door) -> None:
    operator = door.as_("operator")
    ids = [operator.post("/v1/dataflows/air:apply").json["operation"] for _ in range(3)]
    first = operator.get("/v1/operations?page_size=2").json
    rest = operator.get(f"/v1/operations?page_size=2&page_token={first['next_page_token']}").json
    assert [one["id"] for one in (*first["operations"], *rest["operations"])] == ids[::-1]
    assert rest["next_page_token"] == ""
    assert operator.get("/v1/operations?state=failed").json["operations"] == []
    assert operator.get("/v1/operations?state=odd").status_code == 400


def test_operations_of_one_request_are_found_by_its_id(door: Door) -> None:
    operator = door.as_("operator")
    done = operator.post("/v1/dataflows/air:apply", headers={"X-Request-Id": "deployment-0001"}).json["operation"]
    operator.post("/v1/dataflows/air:apply")
    [found] = operator.get("/v1/operations?request_id=deployment-0001").json["operations"]
    assert (found["id"], found["request_id"]) == (done, "deployment-0001")
    assert operator.get("/v1/operations?request_id=deployment-0002").json["operations"] == []
    assert operator.get("/v1/operations?request_id=..").status_code == 400
    assert door.as_("stranger").get("/v1/operations?request_id=deployment-0001").status_code == 403


def test_readiness_tells_whether_commands_come_in(door: Door) -> None:
    parts = door.app.extensions[EXTENSION]
    parts.beside.listens(lambda: Listening(False, None))
    assert door.as_(None).get("/readyz").json["commands"] == {"subscribed": False, "quiet_seconds": None}
    parts.beside.listens(lambda: Listening(True, 1.5))
    assert door.as_(None).get("/readyz").json["commands"] == {"subscribed": True, "quiet_seconds": 1.5}
