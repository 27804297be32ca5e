"""Every route, for every role, on what is theirs, what is foreign and what does not exist: all as declared."""

import itertools
import re
from typing import Any

import pytest

from director.rest.app import create_app
from director.rest.route import ARGUMENT, Route
from director.rest.routes import ROUTES
from director.safety.authorization import ACTIONS, MAY, OF_ALL
from director.service import Director
from tests.director.rest.conftest import ROLES, Door

TARGETS = {
    "own": {"dataflow": "air", "service": "bridge"},
    "foreign": {"dataflow": "water", "service": "pump"},
    "sibling": {"dataflow": "air", "service": "archive"},
    "absent": {"dataflow": "fire", "service": "engine"},
    "absent service": {"dataflow": "air", "service": "engine"},
}
GUARDED = [route for route in ROUTES if route.action != "open"]
STREAM = "/v1/events"


def arguments(route: Route) -> list[str]:
    return re.findall(r"<id:(\w+)>", route.path)


def address(route: Route, values: dict[str, str]) -> str:
    return ARGUMENT.sub(lambda found: values.get(found[2], "1"), route.path)


def body(door: Door, route: Route) -> Any:
    if route.method == "GET":
        return None
    now = door.renewal.versions.contents(1)
    return {
        "teardown": {"plan_hash": "0" * 64},
        "rollback": {"plan_hash": "0" * 64},
        "POST /v1/architecture": {"hub": now.hub, "files": dict(now.texts)},
        "POST /v1/architecture:rollback": {"version": 1},
    }.get(route.name if route.action == "change_architecture" else route.action, {})


def ask(door: Door, route: Route, who: str | None, values: dict[str, str]) -> Any:
    asked = door.as_(who).open(
        address(route, values), method=route.method, json=body(door, route), headers={"If-Match": '"1"'}
    )
    with asked as response:
        if route.path == STREAM and response.status_code == 200:
            return response.status_code, ""
        return response.status_code, response.get_json(silent=True) or response.text


def cases() -> list[Any]:
    found = []
    for route, role in itertools.product(GUARDED, ROLES):
        for target in TARGETS if arguments(route) else ("own",):
            if "sibling" in target and "service" not in arguments(route):
                continue
            if target == "absent service" and "service" not in arguments(route):
                continue
            found.append(pytest.param(route, role, target, id=f"{role} {target} {route.name}"))
    return found


def expected(route: Route, role: str, target: str) -> int | None:
    """404 for what is not theirs, 403 for what is but not for this, None for let in."""
    if arguments(route) and target in ("foreign", "absent"):
        return 404
    if role == "service" and target in ("sibling", "absent service"):
        return 404
    if arguments(route) == ["operation"] and "see_operations" not in MAY[role]:  # type: ignore[index]
        return 404
    if route.action not in MAY[role] or route.action in OF_ALL:  # type: ignore[index]
        return 403
    return 404 if target == "absent service" else None


@pytest.fixture
def operations(door: Door) -> dict[str, str]:
    """An operation of each dataflow, by target."""
    root = door.as_("root")
    made = {name: root.post(f"/v1/dataflows/{name}:apply").json["operation"] for name in ("air", "water")}
    return {
        "own": made["air"],
        "sibling": made["air"],
        "foreign": made["water"],
        "absent": "op-0",
        "absent service": "",
    }


@pytest.mark.parametrize(("route", "role", "target"), cases())
def test_each_route_is_open_to_those_it_is_declared_for(
    door: Door, operations: dict[str, str], route: Route, role: str, target: str
) -> None:
    status, answer = ask(door, route, role, TARGETS[target] | {"operation": operations[target]})
    refused = expected(route, role, target)
    if refused is None:
        assert status in (200, 202) or (status == 409 and answer["code"] == "moved"), answer
    else:
        assert status == refused, answer
        assert answer["code"] == {403: "forbidden", 404: "not_found"}[refused]


@pytest.mark.parametrize("route", [one for one in GUARDED if one.action in OF_ALL], ids=lambda route: route.name)
def test_what_is_of_all_dataflows_is_open_to_those_who_are_admins_of_all(
    door: Door, operations: dict[str, str], route: Route
) -> None:
    status, answer = ask(door, route, "root", {})
    assert status == 200, answer


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_each_route_wants_to_know_who_is_calling(door: Door, operations: dict[str, str], route: Route) -> None:
    values = TARGETS["own"] | {"operation": operations["own"]}
    for nobody in (None, "mallory"):
        status, answer = ask(door, route, nobody, values)
        assert (status, answer["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_somebody_without_any_grant_may_do_nothing(door: Door, operations: dict[str, str], route: Route) -> None:
    status, _ = ask(door, route, "stranger", TARGETS["own"] | {"operation": operations["own"]})
    assert status == (404 if arguments(route) else 403)


@pytest.mark.parametrize("route", [one for one in GUARDED if arguments(one)], ids=lambda route: route.name)
def test_foreign_and_absent_cannot_be_told_apart(door: Door, operations: dict[str, str], route: Route) -> None:
    for role in ROLES:
        answers = []
        for target in ("foreign", "absent"):
            status, answer = ask(door, route, role, TARGETS[target] | {"operation": operations[target]})
            answers.append((status, {**answer, "request_id": ""}))
        assert answers[0] == answers[1]


def test_lists_show_what_is_theirs(door: Door, operations: dict[str, str]) -> None:
    assert door.as_("root").get("/v1/dataflows").json["dataflows"] == ["air", "water"]
    for role in ROLES:
        assert door.as_(role).get("/v1/dataflows").json["dataflows"] == ["air"]
    shown = door.as_("viewer").get("/v1/operations").json["operations"]
    assert [one["id"] for one in shown] == [operations["own"]]
    assert door.as_("viewer").get("/v1/operations?dataflow=water").json["operations"] == []
    records = door.as_("admin").get("/v1/audit").json["records"]
    assert {record["dataflow"] for record in records} == {"air"}
    assert {record.get("dataflow") for record in door.as_("root").get("/v1/audit").json["records"]} == {"air", "water"}


def test_there_is_no_route_without_a_declared_action(director: Director) -> None:
    """The list is all there is: Flask knows no other rule, and each names an action that exists."""
    rules = {
        (rule.rule, method)
        for rule in create_app(director).url_map.iter_rules()
        for method in (rule.methods or ())
        if method != "HEAD"
    }
    assert rules == {(route.path, route.method) for route in ROUTES}
    assert all(route.action in ACTIONS for route in ROUTES)
    assert {route.path for route in ROUTES if route.action == "open"} == {"/healthz", "/readyz"}


def test_the_inventory_of_v1() -> None:
    """A route that is added or removed has to be added or removed here, and in docs/rest.md."""
    assert sorted(route.name for route in ROUTES if "/v1" in route.path) == [
        "GET /v1/architecture",
        "GET /v1/architecture/diff",
        "GET /v1/architecture/versions",
        "GET /v1/architecture/versions/{version}",
        "GET /v1/audit",
        "GET /v1/dataflows",
        "GET /v1/dataflows/{dataflow}",
        "GET /v1/dataflows/{dataflow}/services/{service}/config",
        "GET /v1/events",
        "GET /v1/openapi.json",
        "GET /v1/operations",
        "GET /v1/operations/{operation}",
        "GET /v1/operations/{operation}:wait",
        "POST /v1/architecture",
        "POST /v1/architecture:rollback",
        "POST /v1/dataflows/{dataflow}/services/{service}:verify",
        "POST /v1/dataflows/{dataflow}:apply",
        "POST /v1/dataflows/{dataflow}:drift",
        "POST /v1/dataflows/{dataflow}:plan",
        "POST /v1/dataflows/{dataflow}:rollback",
        "POST /v1/dataflows/{dataflow}:teardown",
        "POST /v1/dataflows/{dataflow}:verify",
        "POST /v1/operations/{operation}:cancel",
    ]


def test_every_call_that_changes_something_is_recorded_and_no_other_route_is() -> None:
    changing = {"apply", "teardown", "rollback", "cancel", "change_architecture"}
    assert {route.action for route in ROUTES if route.changes} == changing
