"""The REST door: same answers in, same shapes out, and nothing to be had by trying."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.api_core.exceptions import Forbidden, ServiceUnavailable

from director.app import create_app
from director.documents import Blueprint
from director.resources.retries import Retries
from director.service import Director

BUG = "a bug with a secret detail"


@pytest.fixture
def door(blueprint: Blueprint, world: Any, retries: Retries) -> Iterator[FlaskClient]:
    with create_app(Director(blueprint, world.providers(), retries, workers=1)).test_client() as client:
        yield client


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Every error has the one shape."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    error: dict[str, Any] = response.json["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == response.headers["X-Request-Id"]
    return error


def fail(world: Any, call: str, error: Exception) -> None:
    def strike(name: str, key: tuple[str, str], when: str) -> None:
        if name == call:
            raise error

    world.strike = strike


def test_health_and_readiness_tell_nothing_of_the_configuration(door: FlaskClient) -> None:
    assert door.get("/healthz").json == {"alive": True}
    assert door.get("/readyz").json == {"ready": True}


def test_dataflows_are_listed_and_described(door: FlaskClient) -> None:
    assert door.get("/v1/dataflows").json == {"architecture": "plant", "dataflows": ["air"]}
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
    assert missing.json["changes"] == planned.json["changes"]
    applied = door.post("/v1/dataflows/air:apply")
    assert applied.status_code == 200
    assert {outcome["result"] for outcome in applied.json["resources"]} == {"created"}
    assert door.post("/v1/dataflows/air:verify").json == {"dataflow": "air", "changes": []}


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
    }


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
    assert response.headers["Retry-After"] == "5"
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
    ],
)
def test_absent_foreign_and_illegal_things_are_the_same_404(door: FlaskClient, path: str) -> None:
    error = assert_problem(door.get(path), 404, "not_found")
    assert error["message"] == "nothing here under this address; check the names in it"


@pytest.mark.parametrize("action", ["plan", "apply", "verify"])
def test_an_unknown_dataflow_cannot_be_worked_on(door: FlaskClient, world: Any, action: str) -> None:
    assert_problem(door.post(f"/v1/dataflows/water:{action}"), 404, "not_found")
    assert_problem(door.post(f"/v1/dataflows/:{action}"), 404, "not_found")
    assert_problem(door.post("/v1/dataflows/air:destroy"), 404, "not_found")
    assert world.things == {}


def test_a_wrong_method_is_told_the_right_ones(door: FlaskClient) -> None:
    response = door.delete("/v1/dataflows/air")
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert_problem(door.get("/v1/dataflows/air:apply"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("body", "mimetype", "status", "code", "message"),
    [
        (b"{}", "text/plain", 415, "unsupported_media_type", "send application/json"),
        (b"x=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type", "send application/json"),
        (b"{", "application/json", 400, "bad_request", "the body is not JSON"),
        (b"\xff\xfe", "application/json", 400, "bad_request", "the body is not JSON"),
        (b"[]", "application/json", 400, "bad_request", "the body is not an object"),
        (b"null", "application/json", 400, "bad_request", "the body is not an object"),
        (b'{"a/b~c": 1}', "application/json", 400, "bad_request", "/a~1b~0c: unknown field"),
        (b"[" * 200_000, "application/json", 400, "bad_request", "the body is not JSON"),
        (b"x" * (256 * 1024 + 1), "application/json", 413, "too_large", "exceeds"),
    ],
)
def test_a_body_that_says_anything_is_refused_before_any_effect(
    door: FlaskClient, world: Any, body: bytes, mimetype: str, status: int, code: str, message: str
) -> None:
    response = door.post("/v1/dataflows/air:apply", data=body, content_type=mimetype)
    assert message in assert_problem(response, status, code)["message"]
    assert world.things == {}


def test_an_empty_object_is_a_fine_body(door: FlaskClient) -> None:
    assert door.post("/v1/dataflows/air:plan", json={}).status_code == 200


def test_a_bug_shows_nothing_of_itself_but_is_logged(
    door: FlaskClient, world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fail(world, "observe", RuntimeError(BUG))
    response = door.post("/v1/dataflows/air:plan")
    error = assert_problem(response, 500, "internal")
    assert BUG not in response.text
    assert "Traceback" not in response.text
    assert BUG in caplog.text
    assert error["request_id"] in caplog.text


@pytest.mark.parametrize("path", ["/healthz", "/v1/dataflows", "/nothing"])
def test_every_answer_carries_the_security_headers(door: FlaskClient, path: str) -> None:
    headers = door.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
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
