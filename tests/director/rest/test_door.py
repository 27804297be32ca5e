"""Who comes in, how often, and what is kept of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import load
from director.rest.app import Safety, create_app
from director.rest.limits import Buckets
from director.retries import Retries
from director.safety.audit import AuditUnavailable, MemoryRecords
from director.safety.authentication import IdTokens
from director.safety.certificates import Certificates
from director.safety.policy import Grant
from director.service import Director
from tests.director.rest.conftest import Door, key
from tests.director.tokens import AUDIENCE, EMAIL, Published, Signer, publishing


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class FullDisk(MemoryRecords):
    def append(self, line: bytes) -> None:
        raise AuditUnavailable("the disk is full at /var/secret")


@pytest.fixture(scope="module")
def google() -> Signer:
    return Signer()


@pytest.fixture
def published(google: Signer) -> Iterator[Published]:
    with publishing(google) as found:
        yield found


@pytest.fixture
def guarded(director: Director, published: Published) -> Any:
    """Google's tokens, and one admin."""
    door = IdTokens([AUDIENCE], Certificates(published.url))
    grants = [Grant(identity=EMAIL, role="admin", dataflows=("*",))]
    return create_app(director, None, Safety(authenticator=door, grants=grants)).test_client()


def with_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_good_token_opens_the_door(guarded: Any, google: Signer) -> None:
    assert guarded.get("/v1/dataflows", headers=with_token(google.token())).status_code == 200
    stranger = google.token(email="ben@example.com")
    assert guarded.get("/v1/dataflows", headers=with_token(stranger)).status_code == 403
    assert guarded.get("/v1/dataflows/air", headers=with_token(stranger)).status_code == 404


def test_every_bad_token_gets_the_same_answer(guarded: Any, google: Signer, caplog: pytest.LogCaptureFixture) -> None:
    bad = {
        "missing": {},
        "another header": {"X-Serverless-Authorization": f"Bearer {google.token()}"},
        "another scheme": {"Authorization": f"Basic {google.token()}"},
        "garbage": with_token("garbage"),
        "not UTF-8": {"Authorization": "Bearer \xff\xfe"},
        "expired": with_token(google.token(skew=-7200)),
        "future": with_token(google.token(skew=600)),
        "audience": with_token(google.token(aud="https://x.example")),
        "no audience": with_token(google.token(aud=None)),
        "issuer": with_token(google.token(iss="https://x.example")),
        "no issuer": with_token(google.token(iss=None)),
        "key": with_token(Signer().token()),
        "unknown key": with_token(Signer("key-9").token()),
        "alg none": with_token(google.token({"alg": "none"})),
        "unverified": with_token(google.token(email_verified=False)),
        "no e-mail": with_token(google.token(email=None)),
        "stripped": with_token(google.token().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"),
    }
    answers = set()
    for why, headers in bad.items():
        response = guarded.get("/v1/dataflows", headers=headers)
        assert response.status_code == 401, why
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="director"'
        answers.add(json.dumps({**response.json, "request_id": ""}))
    assert len(answers) == 1
    assert "clock is set correctly" in caplog.text, "the log tells what the caller is not told"
    for headers in bad.values():
        token = headers.get("Authorization", "").rpartition(" ")[2]
        assert len(token) < 20 or token not in caplog.text


def test_where_keys_cannot_be_had_no_token_is_called_bad(guarded: Any, google: Signer, published: Published) -> None:
    published.status = 500
    response = guarded.get("/v1/dataflows", headers=with_token(google.token()))
    assert (response.status_code, response.json["code"]) == (503, "keys_unreachable")
    assert int(response.headers["Retry-After"]) > 0
    assert guarded.get("/healthz").status_code == 200


def test_refusals_are_in_the_audit(door: Door) -> None:
    door.as_(None).post("/v1/dataflows/air:apply")
    door.as_("viewer").post("/v1/dataflows/air:apply")
    door.as_("viewer").post("/v1/dataflows/water:apply")
    records = door.as_("root").get("/v1/audit").json["records"]
    assert [(one["phase"], one["who"], one["result"]) for one in records] == [
        ("refusal", "viewer", "not_found"),
        ("refusal", "viewer", "forbidden"),
        ("refusal", "", "unauthenticated"),
    ]


def test_a_changing_call_is_recorded_before_and_after(door: Door) -> None:
    applied = door.as_("operator").post("/v1/dataflows/air:apply", headers={"X-Request-Id": "request-1"}).json
    outcome, intent = door.as_("admin").get("/v1/audit?who=operator").json["records"]
    assert (intent["phase"], intent["action"], intent["dataflow"]) == ("intent", "apply", "air")
    assert (outcome["phase"], outcome["result"], outcome["operation"]) == ("outcome", "succeeded", applied["operation"])
    assert intent["request_id"] == outcome["request_id"] == "request-1"
    assert len(outcome["report_hash"]) == 64


def test_a_changing_call_that_is_refused_has_an_outcome_too(door: Door) -> None:
    door.as_("operator").post("/v1/dataflows/air:apply", json={"resource": "topics/ghost"})
    door.as_("operator").post("/v1/dataflows/air:apply", headers={"Idempotency-Key": "x" * 65})
    results = [one.get("result") for one in door.as_("admin").get("/v1/audit?who=operator").json["records"]]
    assert results == ["bad_request", None, "failed: no_such_part", None]


def test_the_audit_comes_in_pages(door: Door) -> None:
    for _ in range(5):
        door.as_("operator").post("/v1/dataflows/air:apply")
    admin, seen, token = door.as_("admin"), 0, ""
    while True:
        page = admin.get("/v1/audit", query_string={"page_size": 3, "page_token": token, "dataflow": "air"}).json
        seen, token = seen + len(page["records"]), page["next_page_token"]
        if not token:
            break
    assert seen == 10


@pytest.mark.parametrize("safety", [{"records": FullDisk()}])
def test_nothing_is_changed_while_it_cannot_be_recorded(door: Door, world: Any) -> None:
    response = door.as_("root").post("/v1/dataflows/air:apply")
    assert (response.status_code, response.json["code"]) == (503, "audit_unavailable")
    assert "/var" not in response.text
    assert world.things == {}
    assert door.as_("root").post("/v1/dataflows/air:plan").status_code == 200


clock = Clock()


@pytest.mark.parametrize("safety", [{"limits": Buckets(2.0, 3.0, clock)}])
def test_each_identity_has_its_own_rate(door: Door) -> None:
    def codes(name: str, count: int) -> list[int]:
        return [door.as_(name).get("/v1/dataflows").status_code for _ in range(count)]

    assert codes("viewer", 4) == [200, 200, 200, 429]
    assert codes("admin", 3) == [200, 200, 200]
    response = door.as_("viewer").get("/v1/dataflows")
    assert (response.json["code"], response.headers["Retry-After"]) == ("too_many_requests", "1")
    clock.now += 0.5
    assert codes("viewer", 2) == [200, 429]
    assert door.as_("viewer").get("/healthz").status_code == 200


@pytest.mark.parametrize("safety", [{"refusals": Buckets(1.0, 2.0, Clock())}])
def test_those_who_guess_are_slowed_down_and_nobody_else(door: Door) -> None:
    guess = {"Authorization": f"Bearer {key('mallory')}"}
    codes = [door.as_(None).get("/v1/dataflows", headers=guess).status_code for _ in range(4)]
    assert codes == [401, 401, 429, 429]
    assert door.as_("viewer").get("/v1/dataflows").status_code == 200
    assert len(door.as_("root").get("/v1/audit").json["records"]) == 2, "what is refused so often fills no disk"


def test_behind_a_guarded_door_any_host_name_will_do(door: Door) -> None:
    assert door.as_("viewer").get("/v1/dataflows", headers={"Host": "director.example"}).status_code == 200


def test_the_canary_turns_up_nowhere(
    document: Path, world: Any, retries: Retries, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One secret in every header that callers send, where a configuration may refer to it, and in a lost request id."""
    canary = "canary-7f3a9c51e8b24d06!"
    reference = "MQTT_PASSWORD_OF_THE_BRIDGE"
    monkeypatch.setenv(reference, canary)
    written = document.read_text().replace("{routes:", f"{{password: {{env: {reference}}}, routes:")
    document.write_text(written)
    client = create_app(Director(load(document), world.provide, retries, workers=1)).test_client()
    headers = {
        "Authorization": f"Bearer {canary}", "Cookie": f"session={canary}", "X-Api-Key": canary, "Prefer": canary,
        "X-Serverless-Authorization": f"Bearer {canary}", "Idempotency-Key": canary, "X-Request-Id": canary,
    }  # fmt: skip
    posted = ("air:plan", "air:apply", "air:drift", "air/services/bridge:verify", "air/services/archive:verify")
    got = (
        "/healthz", "/metrics", "/v1/dataflows", "/v1/dataflows/air", "/v1/audit", "/v1/operations", "/nothing",
        "/v1/dataflows/air/services/archive/config", "/v1/openapi.json",
    )  # fmt: skip
    caplog.set_level("DEBUG")
    shown = {path: client.post(f"/v1/dataflows/{path}", headers=headers).text for path in posted}
    shown |= {path: client.get(path, headers=headers).text for path in got}
    assert all(canary not in text for text in (*shown.values(), caplog.text))
    own = [path for path, text in shown.items() if reference in text]
    assert own == ["air/services/bridge:verify"], "even the reference is told to its own service only"
    assert reference not in caplog.text


def test_no_refusal_and_no_log_line_holds_a_token(
    guarded: Any, google: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for token in (google.token(), google.token(aud="https://x.example"), "x" * 40):
        answer = guarded.get("/v1/dataflows/none", headers=with_token(token)).text
        assert not any(part in answer + caplog.text for part in token.split("."))
