"""Versions over REST: seen, compared, added by those who know the current one, and in force at once."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from director.errors import Unavailable
from director.rest.app import create_app
from director.service import Director
from director.versions.version import Added, Contents
from tests.director.rest.conftest import Door

URL = "/v1/architecture"


def document(door: Door, old: str = "", new: str = "", **more: str) -> dict[str, Any]:
    """The body of an import: what is current, with other words."""
    now = door.renewal.versions.contents(door.renewal.version.number)
    assert old in now.texts[now.hub]
    return {"hub": now.hub, "files": {**now.texts, now.hub: now.texts[now.hub].replace(old, new)}} | more


def post(door: Door, body: Any, known: str | None, path: str = URL, who: str = "root") -> Any:
    headers = {} if known is None else {"If-Match": known}
    return door.as_(who).post(path, json=body, headers=headers)


def seen(door: Door, dataflow: str = "air", service: str = "bridge") -> Any:
    return door.as_("root").get(f"/v1/dataflows/{dataflow}/services/{service}/config").json["config"]


def readiness(client: FlaskClient) -> tuple[Any, ...]:
    answer = client.get("/readyz").json
    return answer["ready"], answer["version"], answer["remark"]


def test_the_current_version_is_shown_with_its_texts_and_an_etag_for_if_match(door: Door) -> None:
    answer = door.as_("root").get(URL)
    assert answer.headers["ETag"] == '"1"'
    assert answer.json["version"]["who"] == "root"
    assert answer.json["in_force"] == 1
    assert list(answer.json["files"]) == ["architecture.yaml", "devices.yaml"]
    assert answer.json["files"] == dict(door.renewal.versions.contents(1).texts)
    assert door.as_("root").get(URL, headers={"If-None-Match": '"1"'}).status_code == 304
    assert door.as_("root").get(f"{URL}/versions/1").json == answer.json
    assert door.as_("root").get(f"{URL}/versions/2").status_code == 404


def test_an_import_is_in_force_when_it_is_answered(door: Door) -> None:
    answer = post(door, document(door, "a/#", "b/#", comment="wider"), '"1"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (answer.json["added"], answer.json["in_force"], answer.json["remark"]) == (True, 2, None)
    assert (answer.json["version"]["who"], answer.json["version"]["comment"]) == ("root", "wider")
    assert seen(door)["routes"] == {"up": {"filter": "b/#"}}
    back = post(door, {"version": 1}, '"2"', f"{URL}:rollback")
    assert (back.json["version"]["number"], back.json["version"]["restores"]) == (3, 1)
    assert seen(door)["routes"] == {"up": {"filter": "a/#"}}
    versions = door.as_("root").get(f"{URL}/versions").json
    assert [(one["number"], one["restores"]) for one in versions["versions"]] == [(3, 1), (2, None), (1, None)]


def test_versions_come_in_pages(door: Door) -> None:
    for number in range(1, 5):
        post(door, document(door, "level: ", "level: 1"), f'"{number}"')
    first = door.as_("root").get(f"{URL}/versions?page_size=3").json
    assert [one["number"] for one in first["versions"]] == [5, 4, 3]
    more = door.as_("root").get(f"{URL}/versions?page_size=3&page_token={first['next_page_token']}").json
    assert ([one["number"] for one in more["versions"]], more["next_page_token"]) == ([2, 1], "")


@pytest.mark.parametrize("known", [None, "*", "", 'W/"1"'])
def test_whoever_does_not_say_what_they_know_is_asked_to(door: Door, known: str | None) -> None:
    for body, path in ((document(door, "a/#", "b/#"), URL), ({"version": 1}, f"{URL}:rollback")):
        answer = post(door, body, known, path)
        assert (answer.status_code, answer.json["code"]) == (428, "if_match_required")
    assert door.renewal.version.number == 1


def test_whoever_knows_another_version_is_told_both(door: Door) -> None:
    post(door, document(door, "a/#", "b/#"), '"1"')
    answer = post(door, document(door, "b/#", "c/#"), '"1"')
    assert (answer.status_code, answer.json["code"]) == (412, "conflict")
    assert (answer.json["expected"], answer.json["current"]) == (1, 2)
    assert seen(door)["routes"] == {"up": {"filter": "b/#"}}
    assert post(door, document(door, "b/#", "c/#"), '"1", "2"').status_code == 200


def test_the_same_import_again_adds_nothing(door: Door) -> None:
    """As when its first answer was lost on the way."""
    body = document(door, "a/#", "b/#")
    assert post(door, body, '"1"').json["added"]
    again = post(door, body, '"1"')
    assert (again.status_code, again.json["added"], again.json["version"]["number"]) == (200, False, 2)


def test_what_does_not_load_is_refused_with_every_problem_at_its_place(door: Door) -> None:
    body = document(door, "topic: readings", "topic: elsewhere")
    body["files"]["devices.yaml"] = "d-1: none"
    answer = post(door, body, '"1"')
    assert (answer.status_code, answer.json["code"]) == (422, "unusable")
    assert [one["pointer"] for one in answer.json["problems"]] == ["/files/architecture.yaml", "/files/devices.yaml"]
    assert answer.json["problems"][1]["message"].startswith("devices.yaml:1:")
    assert door.renewal.versions.current() == door.renewal.version
    names = {"../x.yaml": "", **body["files"]}
    assert post(door, {**body, "files": names}, '"1"').json["problems"][0]["pointer"] == "/files/..~1x.yaml"
    odd = post(door, {**body, "files": {body["hub"]: "\ud800"}}, '"1"')
    assert odd.status_code in (400, 422)


def test_a_hub_that_is_not_among_the_files_is_refused(door: Door) -> None:
    answer = post(door, {**document(door), "hub": "another.yaml"}, '"1"')
    assert (answer.status_code, answer.json["code"]) == (422, "unusable")
    assert answer.json["problems"][0]["pointer"] == "/files/another.yaml"
    assert "its text is not here" in answer.json["problems"][0]["message"]


def test_an_import_may_be_larger_than_other_bodies(door: Door) -> None:
    seeds = "".join(f"device-{number:05}: {{name: sensor}}\n" for number in range(25_000))
    body = document(door)
    body["files"]["devices.yaml"] = seeds
    assert len(seeds) > 3 * 256 * 1024 // 4
    assert post(door, body, '"1"').status_code == 200
    assert post(door, {"version": 1, "comment": "x" * 300_000}, '"2"', f"{URL}:rollback").status_code == 413
    assert post(door, {**body, "comment": "x" * 10_000_000}, '"2"').status_code == 413


def test_versions_are_compared(door: Door) -> None:
    post(door, document(door, "a/#", "b/#"), '"1"')
    post(door, document(door, "level: 3", "level: 4"), '"2"')
    last = door.as_("root").get(f"{URL}/diff").json
    [effect] = last["effects"]
    assert (effect["kind"], effect["name"], effect["fields"]) == ("service", "pump", ["config.level"])
    both = door.as_("root").get(f"{URL}/diff?from=1&to=3").json
    assert [one["name"] for one in both["effects"]] == ["bridge", "pump"]
    assert both["files"][0]["file"] == "architecture.yaml"
    assert door.as_("root").get(f"{URL}/diff?from=3&to=4").status_code == 404
    assert door.as_("root").get(f"{URL}/diff?from=0").status_code == 400


def test_who_changed_what_is_in_the_audit_without_a_word_of_it(door: Door) -> None:
    post(door, document(door, "a/#", "b/#", comment="canary"), '"1"')
    post(door, document(door, "b/#", "canary"), '"1"')
    post(door, document(door, "b/#", "canary"), '"2"', who="admin")
    records = door.as_("root").get("/v1/audit").json["records"]
    told = [(one["phase"], one["who"], one["action"], one["result"]) for one in records]
    assert told == [
        ("refusal", "admin", "change_architecture", "forbidden"),
        ("outcome", "root", "change_architecture", "conflict"),
        ("intent", "root", "change_architecture", None),
        ("outcome", "root", "change_architecture", "version 2"),
        ("intent", "root", "change_architecture", None),
    ]
    assert records[3]["report_hash"] == door.renewal.version.sha256
    assert "canary" not in str(records)


def test_a_service_that_comes_with_a_version_can_be_asked_about_and_one_that_goes_cannot(door: Door) -> None:
    now = document(door)["files"]["architecture.yaml"]
    body = {
        "hub": "architecture.yaml",
        "files": {**document(door)["files"], "architecture.yaml": now.split("  water:")[0]},
    }
    assert post(door, body, '"1"').status_code == 200
    assert door.as_("root").get("/v1/dataflows").json["dataflows"] == ["air"]
    assert door.as_("root").get("/v1/dataflows/water/services/pump/config").status_code == 404
    assert post(door, {"version": 1}, '"2"', f"{URL}:rollback").status_code == 200
    assert seen(door, "water", "pump")["level"] == 3


def test_each_service_whose_slice_is_another_is_an_event(door: Door) -> None:
    newest = door.app.extensions["director"].events
    post(door, document(door, "a/#", "b/#"), '"1"')
    post(door, document(door, "Readings of", "News of"), '"2"')
    found, _ = newest.after(0, 0.0)
    assert [(one.kind, one.dataflow, dict(one.data)) for one in found] == [
        ("configuration.changed", "air", {"service": "bridge", "version": 2})
    ]


def test_readiness_says_which_version_is_in_force_and_that_a_newer_one_is_not(door: Door) -> None:
    assert readiness(door.as_(None)) == (True, 1, None)
    contents = Contents("architecture.yaml", {"architecture.yaml": "canary: 1"})
    door.renewal.versions.add(contents, 1, Added("anna"))
    door.renewal.look()
    assert readiness(door.as_(None)) == (True, 1, "version 2 cannot be used, see the log; version 1 is served")
    assert door.as_("root").get(URL).json["in_force"] == 1


def test_a_store_that_is_away_is_503_and_services_are_answered_all_the_same(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("nobody there")

    for name in ("current", "contents", "find", "page", "add"):
        monkeypatch.setattr(door.renewal.versions, name, away)
    for answer in (
        door.as_("root").get(URL),
        door.as_("root").get(f"{URL}/versions"),
        door.as_("root").get(f"{URL}/diff?from=1&to=1"),
        post(door, {"hub": "h", "files": {"h": ""}}, '"1"'),
    ):
        assert (answer.status_code, answer.json["code"]) == (503, "cloud_unavailable")
    assert seen(door)["routes"] == {"up": {"filter": "a/#"}}


def test_a_director_without_a_store_has_nothing_there(director: Director) -> None:
    client = create_app(director).test_client()
    for path in (URL, f"{URL}/versions", f"{URL}/versions/1", f"{URL}/diff"):
        assert client.get(path).status_code == 404
    assert client.post(f"{URL}:rollback", json={"version": 1}, headers={"If-Match": '"1"'}).status_code == 404
    assert readiness(client) == (True, None, None)
