"""The REST door: same answers in, same shapes out, and nothing to be had by trying."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.api_core.exceptions import Forbidden, ServiceUnavailable

from director.documents.loading import Blueprint, load
from director.provisioning.base import Holding
from director.rest.app import create_app
from director.retries import Retries
from director.service import Director

BUG = "a bug with a secret detail"


@pytest.fixture
def door(blueprint: Blueprint, world: Any, retries: Retries) -> Iterator[FlaskClient]:
    with create_app(Director(blueprint, world.provide, retries, workers=1)).test_client() as client:
        yield client


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Every error has the one shape, which is RFC 9457's with a few members of its own."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    problem: dict[str, Any] = response.json
    assert set(problem) >= {"type", "title", "status", "detail", "code", "message", "request_id"}
    assert problem["type"] == f"urn:iot-dataflows:problem:{code}"
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["message"] == problem["detail"] != ""
    assert problem["request_id"] == response.headers["X-Request-Id"]
    return problem


def fail(world: Any, call: str, error: Exception) -> None:
    def strike(name: str, key: tuple[str, str], when: str) -> None:
        if name == call:
            raise error

    world.strike = strike


def test_health_and_readiness_tell_nothing_of_the_configuration(door: FlaskClient) -> None:
    assert door.get("/healthz").json == {"alive": True}
    assert door.get("/readyz").json == {"ready": True, "version": None, "remark": None, "commands": None}


def test_dataflows_are_listed_and_described(door: FlaskClient) -> None:
    listed = {"architecture": "plant", "dataflows": ["air"], "next_page_token": ""}
    assert door.get("/v1/dataflows").json == listed
    found = door.get("/v1/dataflows/air").json
    assert found["name"] == "air"
    assert len(found["resources"]) == 7


def test_plan_apply_and_verify(door: FlaskClient, world: Any) -> None:
    planned = door.post("/v1/dataflows/air:plan")
    assert planned.status_code == 200
    assert {change["action"] for change in planned.json["changes"]} == {"create"}
    assert world.things == {}
    missing = door.post("/v1/dataflows/air:verify")
    assert_problem(missing, 409, "not_as_wanted")
    assert [one["name"] for one in missing.json["changes"]] == [one["name"] for one in planned.json["changes"]]
    applied = door.post("/v1/dataflows/air:apply")
    assert applied.status_code == 200
    assert {outcome["result"] for outcome in applied.json["resources"]} == {"created"}
    assert door.post("/v1/dataflows/air:verify").json == {"dataflow": "air", "changes": []}


def test_an_apply_that_names_a_plan_does_that_plan_or_nothing(door: FlaskClient, world: Any) -> None:
    agreed = door.post("/v1/dataflows/air:plan").json["hash"]
    door.post("/v1/dataflows/air:apply", json={"resource": "topics/dead"})
    before = dict(world.things)
    moved = door.post("/v1/dataflows/air:apply", json={"plan_hash": agreed})
    assert_problem(moved, 409, "moved")
    assert any("topics" in line for line in moved.json["moved"])
    assert world.things == before
    again = door.post("/v1/dataflows/air:plan").json["hash"]
    assert door.post("/v1/dataflows/air:apply", json={"plan_hash": again}).status_code == 200


def test_a_part_of_a_dataflow_can_be_planned_and_applied(door: FlaskClient) -> None:
    planned = door.post("/v1/dataflows/air:plan", json={"service": "bridge"}).json
    assert [change["kind"] for change in planned["changes"]] == ["topics"]
    applied = door.post("/v1/dataflows/air:apply", json={"service": "bridge"}).json
    assert [outcome["kind"] for outcome in applied["resources"]] == ["topics"]
    for call in ("plan", "apply"):
        for part in ({"service": "ghost"}, {"resource": "topics/ghost"}):
            refused = door.post(f"/v1/dataflows/air:{call}", json=part)
            assert "ghost" in assert_problem(refused, 404, "no_such_part")["message"]


def test_drift_is_told_field_by_field(door: FlaskClient, world: Any) -> None:
    door.post("/v1/dataflows/air:apply")
    assert door.post("/v1/dataflows/air:drift").json == {"dataflow": "air", "differences": []}
    for key, state in world.things.items():
        if key[0] == "subscriptions":
            world.things[key] = replace(state, ack_deadline_seconds=77)
    [found] = door.post("/v1/dataflows/air:drift").json["differences"]
    assert (found["field"], found["live"], found["wanted"], found["moved"]) == ("ack_deadline_seconds", 77, 20, "world")


def test_a_teardown_needs_a_plan_that_was_looked_at(door: FlaskClient, world: Any) -> None:
    door.post("/v1/dataflows/air:apply")
    blind = door.post("/v1/dataflows/air:teardown", json={})
    assert "/plan_hash" in assert_problem(blind, 400, "bad_request")["message"]
    planned = door.post("/v1/dataflows/air:plan", json={"purpose": "teardown"}).json
    assert planned["purpose"] == "teardown"
    wrong = door.post("/v1/dataflows/air:teardown", json={"plan_hash": "0" * 64})
    assert_problem(wrong, 409, "moved")
    kept = door.post("/v1/dataflows/air:teardown", json={"plan_hash": planned["hash"]}).json
    assert {outcome["result"] for outcome in kept["resources"]} == {"kept"}, "a permanent dataflow is protected"
    assert len(world.things) == 7


def test_data_goes_only_where_its_name_is_confirmed(document: Path, world: Any, retries: Retries) -> None:
    written = document.read_text()
    document.write_text(written.replace("    services:", "    lifecycle: {strategy: ephemeral}\n    services:", 1))
    door = create_app(Director(load(document), world.provide, retries, workers=1)).test_client()
    door.post("/v1/dataflows/air:apply")
    [bucket] = [key for key in world.things if key[0] == "gcs_buckets"]
    world.data[bucket] = Holding("3 objects")
    planned = door.post("/v1/dataflows/air:plan", json={"purpose": "teardown"}).json
    asked = [change for change in planned["changes"] if change["action"] == "confirm"]
    assert [change["name"] for change in asked] == [bucket[1]]
    body = {"plan_hash": planned["hash"]}
    refused = door.post("/v1/dataflows/air:teardown", json=body)
    assert_problem(refused, 409, "refused")
    assert len(world.things) == 7
    wrong = door.post("/v1/dataflows/air:teardown", json={**body, "confirmed": ["ghost"]})
    assert "ghost" in assert_problem(wrong, 404, "no_such_part")["message"]
    gone = door.post("/v1/dataflows/air:teardown", json={**body, "confirmed": [bucket[1]]})
    assert {outcome["result"] for outcome in gone.json["resources"]} >= {"deleted"}
    assert bucket not in world.things


def test_a_service_gets_its_slice(door: FlaskClient, blueprint: Blueprint) -> None:
    project = blueprint.architecture.project_id
    assert door.get("/v1/dataflows/air/services/bridge/config").json == {
        "project": project,
        "dataflow": "air",
        "service": "bridge",
        "config": {
            "routes": {"up": {"filter": "a/#"}},
            "destinations": {"up": f"projects/{project}/topics/readings"},
        },
        "environment": {"PROJECT_ID": project, "DATAFLOW_NAME": "air", "SERVICE_NAME": "bridge"},
    }


@pytest.mark.parametrize("path", ["/v1/dataflows/air/services/bridge/config", "/v1/openapi.json"])
def test_what_a_caller_has_already_is_not_sent_again(door: FlaskClient, path: str) -> None:
    first = door.get(path)
    tag = first.headers["ETag"]
    same = door.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert door.get(path, headers={"If-None-Match": '"another"'}).data == first.data


def test_the_handshake_answers_with_what_is_missing_and_then_with_the_configuration(door: FlaskClient) -> None:
    early = door.post("/v1/dataflows/air/services/archive:verify")
    assert "apply dataflow 'air' first" in assert_problem(early, 409, "not_ready")["message"]
    assert {change["kind"] for change in early.json["changes"]} == {
        "topics", "subscriptions", "gcs_buckets", "firestore_collections",
    }  # fmt: skip
    door.post("/v1/dataflows/air:apply")
    late = door.post("/v1/dataflows/air/services/archive:verify")
    assert late.status_code == 200
    assert late.json == door.get("/v1/dataflows/air/services/archive/config").json


def test_a_refused_apply_says_what_is_refused(door: FlaskClient, world: Any) -> None:
    door.post("/v1/dataflows/air:apply")
    for key, state in world.things.items():
        if key[0] == "gcs_buckets":
            world.things[key] = replace(state, labels={})
    response = door.post("/v1/dataflows/air:apply")
    assert_problem(response, 409, "refused")
    refused = [outcome for outcome in response.json["resources"] if outcome["result"] == "refused"]
    assert "is not ours" in refused[0]["reason"]


def test_a_failed_apply_is_no_success(door: FlaskClient, world: Any) -> None:
    fail(world, "create", Forbidden("no right"))
    response = door.post("/v1/dataflows/air:apply")
    assert_problem(response, 502, "failed")
    assert {outcome["result"] for outcome in response.json["resources"]} == {"failed", "skipped"}


def test_when_google_does_not_answer_the_caller_is_told_to_come_back(door: FlaskClient, world: Any) -> None:
    fail(world, "observe", ServiceUnavailable("down"))
    response = door.post("/v1/dataflows/air:plan")
    assert_problem(response, 503, "cloud_unavailable")
    assert int(response.headers["Retry-After"]) >= 5
    fail(world, "observe", Forbidden("no right"))
    assert "Forbidden" in assert_problem(door.post("/v1/dataflows/air:plan"), 502, "cloud_refused")["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/dataflows",
        "/v1/dataflows/",
        "/v1/dataflows/water",
        "/v1/dataflows/AIR",
        "/v1/dataflows/air/",
        "/v1//dataflows",
        "/v1/dataflows/air/../air",
        "/v1/dataflows/%2e%2e%2f",
        "/v1/dataflows/air%00",
        "/v1/dataflows/a\u0456r",
        "/v1/dataflows/" + "a" * 64,
        "/v1/dataflows/air/services/none/config",
        "/v1/dataflows/water/services/bridge/config",
        "/v1/dataflows/air/services/../config",
        "/v1/operations/op-0",
        "/v1/operations/../dataflows",
    ],
)
def test_absent_foreign_and_illegal_things_are_the_same_404(door: FlaskClient, path: str) -> None:
    error = assert_problem(door.get(path), 404, "not_found")
    assert error["message"] == "nothing here under this address; check the names in it"


@pytest.mark.parametrize("action", ["plan", "apply", "verify", "drift"])
def test_an_unknown_dataflow_cannot_be_worked_on(door: FlaskClient, world: Any, action: str) -> None:
    assert_problem(door.post(f"/v1/dataflows/water:{action}"), 404, "not_found")
    assert_problem(door.post(f"/v1/dataflows/:{action}"), 404, "not_found")
    assert_problem(door.post("/v1/dataflows/air:destroy"), 404, "not_found")
    assert world.things == {}


def test_a_wrong_method_is_told_the_right_ones(door: FlaskClient) -> None:
    response = door.delete("/v1/dataflows/air")
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert_problem(door.get("/v1/dataflows/air:apply"), 405, "method_not_allowed")


def test_nothing_is_told_to_those_who_only_ask_for_options(door: FlaskClient) -> None:
    assert_problem(door.options("/v1/dataflows"), 405, "method_not_allowed")


DEEP = b'{"a":' * 33 + b"1" + b"}" * 33
WIDE = b"{" + b",".join(b'"k%d":1' % number for number in range(2_001)) + b"}"


@pytest.mark.parametrize(
    ("body", "mimetype", "status", "code", "message"),
    [
        (b"{}", "text/plain", 415, "unsupported_media_type", "send application/json"),
        (b"x=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type", "send application/json"),
        (b"{", "application/json", 400, "bad_request", "the body is not JSON"),
        (b"\xff\xfe", "application/json", 400, "bad_request", "the body is not JSON"),
        (b'{"plan_hash": NaN}', "application/json", 400, "bad_request", "the body is not JSON"),
        (b"[]", "application/json", 400, "bad_request", "the body is not an object"),
        (b"null", "application/json", 400, "bad_request", "the body is not an object"),
        (b'{"a/b~c": 1}', "application/json", 400, "bad_request", "/a~1b~0c: unknown field"),
        (b'{"plan_hash": 7}', "application/json", 400, "bad_request", "/plan_hash: input should be a valid string"),
        (b'{"service": "a", "service": "b"}', "application/json", 400, "bad_request", "has a key twice"),
        (b"[" * 200_000, "application/json", 400, "bad_request", "nested more than 32 deep"),
        (DEEP, "application/json", 400, "bad_request", "nested more than 32 deep"),
        (WIDE, "application/json", 400, "bad_request", "more than 2000 keys"),
        (b"x" * (256 * 1024 + 1), "application/json", 413, "too_large", "exceeds"),
    ],
)
def test_a_body_that_cannot_be_understood_is_refused_before_any_effect(
    door: FlaskClient, world: Any, body: bytes, mimetype: str, status: int, code: str, message: str
) -> None:
    response = door.post("/v1/dataflows/air:apply", data=body, content_type=mimetype)
    assert message in assert_problem(response, status, code)["message"]
    assert world.things == {}


def test_brackets_in_texts_are_no_depth(door: FlaskClient) -> None:
    response = door.post("/v1/dataflows/air:plan", json={"resource": '"[' * 50})
    assert "no resource" in assert_problem(response, 404, "no_such_part")["message"]


def test_every_mistake_of_a_body_is_told_at_once(door: FlaskClient) -> None:
    response = door.post("/v1/dataflows/air:apply", json={"plan_hash": "no", "service": "A", "force": True})
    problem = assert_problem(response, 400, "bad_request")
    assert {one["pointer"] for one in problem["problems"]} == {"/plan_hash", "/service", "/force"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "page_size"),
        ("page_size=501", "page_size"),
        ("page_size=many", "page_size"),
        ("page_size=1&page_size=2", "page_size"),
        ("page_token=No_nonsense", "page_token"),
        ("page_token=%00", "page_token"),
        ("debug=1", "debug"),
    ],
)
def test_a_parameter_that_cannot_be_understood_is_refused(door: FlaskClient, query: str, pointer: str) -> None:
    for path in ("/v1/dataflows", "/v1/operations", "/v1/audit"):
        problem = assert_problem(door.get(f"{path}?{query}"), 400, "bad_request")
        assert [one["pointer"] for one in problem["problems"]] == [pointer]


def test_an_empty_object_is_a_fine_body(door: FlaskClient) -> None:
    assert door.post("/v1/dataflows/air:plan", json={}).status_code == 200


def test_a_bug_shows_nothing_of_itself_but_is_logged(
    door: FlaskClient, world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fail(world, "observe", RuntimeError(BUG))
    for call in ("plan", "apply"):
        caplog.clear()
        response = door.post(f"/v1/dataflows/air:{call}")
        error = assert_problem(response, 500, "internal")
        assert BUG not in response.text
        assert "Traceback" not in response.text
        assert BUG in caplog.text
        assert error["request_id"] in caplog.text


@pytest.mark.parametrize("path", ["/healthz", "/v1/dataflows", "/nothing", "/metrics"])
def test_every_answer_carries_the_security_headers(door: FlaskClient, path: str) -> None:
    headers = door.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "Server" not in headers


def test_a_sane_request_id_is_kept_and_any_other_replaced(door: FlaskClient) -> None:
    kept = door.get("/healthz", headers={"X-Request-Id": "abc-12345"})
    assert kept.headers["X-Request-Id"] == "abc-12345"
    for odd in ("short", "x" * 65, "a b c d e f", "<script>alert(1)</script>"):
        replaced = door.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
        assert len(replaced) == 32


def test_pages_of_other_sites_are_turned_away(door: FlaskClient, world: Any) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:9999"):
        response = door.post("/v1/dataflows/air:apply", headers={"Origin": origin})
        assert_problem(response, 403, "forbidden")
    assert_problem(door.get("/v1/dataflows", headers={"Host": "evil.example"}), 400, "bad_request")
    assert world.things == {}
    assert door.post("/v1/dataflows/air:apply", headers={"Origin": "http://localhost"}).status_code == 200


def test_figures_count_requests_by_route_and_never_by_name(door: FlaskClient) -> None:
    door.post("/v1/dataflows/air:apply")
    door.get("/v1/dataflows/air")
    door.get("/v1/dataflows/water")
    door.get("/nowhere/at/all")
    text = door.get("/metrics").text
    assert 'director_requests_total{code="200",route="GET /v1/dataflows/{dataflow}"} 1.0' in text
    assert 'director_requests_total{code="404",route="GET /v1/dataflows/{dataflow}"} 1.0' in text
    assert 'director_requests_total{code="404",route="none"} 1.0' in text
    assert 'director_request_seconds_count{route="POST /v1/dataflows/{dataflow}:apply"} 1.0' in text
    assert 'director_operations{state="succeeded"} 1.0' in text
    assert "air" not in text
    assert "nowhere" not in text
