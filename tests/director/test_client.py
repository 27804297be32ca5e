"""The client that services use to find their configuration, against a real server."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from director.client import (
    BadAddress,
    Configuration,
    DirectorClient,
    DirectorError,
    DirectorRefused,
    DirectorUnavailable,
)
from director.documents.loading import Blueprint
from director.ledger.file import FileLedger
from director.rest.app import create_app
from director.retries import Retries
from director.service import Director


class Time:
    """A clock that only sleep moves, and what happened at each sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.then: dict[int, Any] = {}

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        self.then.get(len(self.pauses), lambda: None)()


@pytest.fixture
def time() -> Time:
    return Time()


def client(url: str, time: Time, **settings: Any) -> DirectorClient:
    return DirectorClient(url, clock=lambda: time.now, sleep=time.sleep, rng=lambda: 1.0, **settings)


def serving(application: Any) -> Iterator[str]:
    server: BaseWSGIServer = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def director(blueprint: Blueprint, world: Any, retries: Retries) -> Director:
    return Director(blueprint, world.provide, retries, workers=1)


@pytest.fixture
def url(director: Director) -> Iterator[str]:
    yield from serving(create_app(director))


@pytest.fixture
def odd_url(answers: list[tuple[str, bytes]]) -> Iterator[str]:
    """A server that gives the listed answers one after the other, the last one for ever."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        start_response(status, [("Content-Type", "application/json")])
        return [body]

    yield from serving(application)


@pytest.fixture
def nowhere() -> str:
    """An address where nobody listens."""
    server = make_server("127.0.0.1", 0, lambda environ, start_response: [])
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"


def test_a_service_gets_its_configuration(url: str, time: Time, blueprint: Blueprint) -> None:
    project = blueprint.architecture.project_id
    found = client(url, time).configuration("air", "bridge")
    assert found == Configuration(
        project, "air", "bridge",
        {"routes": {"up": {"filter": "a/#"}}, "destinations": {"up": f"projects/{project}/topics/readings"}},
        {"DIRECTOR_URL": url, "PROJECT_ID": project, "DATAFLOW_NAME": "air", "SERVICE_NAME": "bridge"},
    )  # fmt: skip
    assert time.pauses == []


def test_plan_apply_and_verify_answer_as_the_director_does(url: str, time: Time) -> None:
    director = client(url, time)
    assert len(director.plan("air")["changes"]) == 7
    with pytest.raises(DirectorRefused) as caught:
        director.verify("air")
    assert (caught.value.status, caught.value.code) == (409, "not_as_wanted")
    assert len(caught.value.details["changes"]) == 7
    assert {outcome["result"] for outcome in director.apply("air")["resources"]} == {"created"}
    assert director.verify("air") == {"dataflow": "air", "changes": []}
    assert time.pauses == []


def test_what_a_plan_showed_is_what_is_applied_and_torn_down(url: str, time: Time) -> None:
    director = client(url, time)
    agreed = director.plan("air")["hash"]
    assert len(director.apply("air", plan_hash=agreed)["resources"]) == 7
    with pytest.raises(DirectorRefused) as caught:
        director.apply("air", plan_hash=agreed)
    assert caught.value.code == "moved"
    goodbye = director.plan("air", purpose="teardown")["hash"]
    kept = director.teardown("air", goodbye)
    assert {outcome["result"] for outcome in kept["resources"]} == {"kept"}
    assert director.operation(kept["operation"], wait=5.0)["state"] == "succeeded"
    assert director.cancel(kept["operation"])["state"] == "succeeded", "over is over"


def test_an_apply_whose_answer_was_lost_is_not_begun_again(director: Director, time: Time) -> None:
    """A proxy on the way loses the first answer; asked again, the director tells of the operation it has begun."""
    inner = create_app(director)
    lost: list[bytes] = []

    def application(environ: Any, start_response: Any) -> Any:
        if lost:
            return inner(environ, start_response)
        lost.append(b"".join(inner(environ, lambda *start: None)))
        start_response("502 Bad Gateway", [])
        return [b"<html>"]

    for url in serving(application):
        found = client(url, time).apply("air")
    assert len(time.pauses) == 1
    assert found["operation"] in lost[0].decode()
    assert {outcome["result"] for outcome in found["resources"]} == {"created"}


def test_an_apply_that_meets_another_director_goes_on_when_that_is_done(
    blueprint: Blueprint, world: Any, retries: Retries, time: Time
) -> None:
    ledger = FileLedger()
    scope = f"{blueprint.architecture.project_id}.plant.air"
    held = ledger.take(scope, "another director", 3600.0)
    time.then[2] = lambda: ledger.release(scope, held.token)
    for url in serving(create_app(Director(blueprint, world.provide, retries, ledger=ledger))):
        with pytest.raises(DirectorRefused, match=r"busy: .* is being changed by another director") as caught:
            client(url, time, budget=0.0).apply("air")
        assert caught.value.details["holder"] == "another director"
        assert len(client(url, time).apply("air")["resources"]) == 7
    assert len(time.pauses) == 2
    ledger.close()


def test_every_call_shows_who_is_calling(time: Time) -> None:
    tokens = iter(("one", "two"))
    shown = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        shown.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("200 OK", [])
        return [GOOD]

    for url in serving(application):
        asking = client(url, time, token=lambda: next(tokens))
        asking.configuration("d", "s")
        asking.configuration("d", "s")
        client(url, time, token=lambda: None).configuration("d", "s")
    assert shown == ["Bearer one", "Bearer two", None]


def test_a_token_that_cannot_be_had_is_waited_for_and_then_named(nowhere: str, time: Time) -> None:
    def token() -> str:
        raise FileNotFoundError("no such file: key")

    with pytest.raises(DirectorUnavailable, match=r"no token to show to the director .* no such file: key"):
        client(nowhere, time, token=token).configuration("air", "bridge")


def test_registering_waits_until_the_resources_are_there(url: str, time: Time, director: Director) -> None:
    time.then[3] = lambda: director.apply("air")
    assert client(url, time).register("air", "archive").service == "archive"
    assert time.pauses == [0.25, 0.5, 1.0]


def test_registering_gives_up_within_its_budget_and_says_what_is_missing(url: str, time: Time) -> None:
    with pytest.raises(DirectorRefused, match="resources are missing; apply dataflow 'air' first") as caught:
        client(url, time, budget=20.0).register("air", "archive")
    assert time.now < 20.0
    assert {change["kind"] for change in caught.value.details["changes"]} >= {"subscriptions"}


def test_a_director_that_is_not_there_is_tried_for_the_budget_and_then_named(nowhere: str, time: Time) -> None:
    with pytest.raises(DirectorUnavailable, match=f"{nowhere} does not answer .*; start it, or check the address"):
        client(nowhere, time).configuration("air", "bridge")
    assert 50.0 < time.now < 60.0
    assert max(time.pauses) == 8.0


def test_a_no_that_will_not_change_is_told_at_once(url: str, time: Time) -> None:
    for ask in (lambda: client(url, time).configuration("air", "ghost"), lambda: client(url, time).plan("../x")):
        with pytest.raises(DirectorRefused, match="the director says not_found"):
            ask()
    assert time.pauses == []


BUSY = b'{"code": "busy", "message": "later", "request_id": "1"}'
GOOD = b'{"project": "p", "dataflow": "d", "service": "s", "config": {"a": 1}}'


@pytest.mark.parametrize(
    "answers",
    [
        [("503 Service Unavailable", BUSY), ("200 OK", GOOD)],
        [("429 Too Many Requests", BUSY), ("200 OK", GOOD)],
        [("409 Conflict", BUSY), ("200 OK", GOOD)],
        [("502 Bad Gateway", b"<html>"), ("200 OK", GOOD)],
        [("200 OK", b"not json"), ("200 OK", GOOD)],
        [("200 OK", b"[1]"), ("200 OK", GOOD)],
    ],
)
def test_an_answer_that_may_be_better_later_is_asked_for_again(odd_url: str, time: Time) -> None:
    of_an_older_director = Configuration("p", "d", "s", {"a": 1}, {"DIRECTOR_URL": odd_url})
    assert client(odd_url, time).configuration("d", "s") == of_an_older_director
    assert time.pauses == [0.25]


@pytest.mark.parametrize(
    "answers",
    [
        [("200 OK", b'{"project": "p"}')],
        [("200 OK", b'{"project": "p", "dataflow": "d", "service": "s", "config": 7}')],
        [("200 OK", b'{"project": "p", "dataflow": "d", "service": "s", "config": {}, "environment": 7}')],
        [("200 OK", b"{}")],
        [("302 Found", b"{}")],
        [("500 Internal Server Error", b'{"error": "text"}')],
        [("500 Internal Server Error", b'{"code": 7}')],
    ],
)
def test_a_server_that_is_no_director_is_named_as_such(odd_url: str, time: Time) -> None:
    with pytest.raises(DirectorUnavailable, match="but not as a director does; check the address"):
        client(odd_url, time, budget=5.0).configuration("d", "s")


ODD = ("http://[::1", "http://127.0.0.1:port", "http://127.0.0.1:99999", "http://127.0.0.1:0")


@pytest.mark.parametrize(
    "url", ["", "director", "ftp://x", "http://", "http://127.0.0.1/?a=1", "http://example.com", *ODD]
)
def test_an_address_that_cannot_be_or_would_be_overheard_is_refused(url: str) -> None:
    with pytest.raises(BadAddress, match=r"is no address of a director|would send configuration in plain text"):
        DirectorClient(url)


class Turning:
    """A director that answers calls that wait: each with the next of its answers, then it is gone."""

    def __init__(self, *answers: tuple[str, dict[str, str], bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.asked.append((environ["QUERY_STRING"], environ.get("HTTP_IF_NONE_MATCH")))
        status, headers, body = self.answers.pop(0) if self.answers else ("502 Bad Gateway", {}, b"<html>")
        start_response(status, [("Content-Type", "application/json"), *headers.items()])
        return [body]


def watched(director: Turning, time: Time) -> tuple[list[Any], DirectorError]:
    """What was told until an error ended it."""
    told = []
    for url in serving(director):
        try:
            told.extend(found.config for found in client(url, time).watch("d", "s", wait=20.0))
        except DirectorError as error:
            ended = error
    return told, ended


def test_who_watches_is_told_what_there_is_and_each_change_and_says_what_they_have(time: Time) -> None:
    other = GOOD.replace(b"1", b"2")
    director = Turning(
        ("200 OK", {"ETag": '"one"'}, GOOD), ("304 Not Modified", {}, b""), ("200 OK", {"ETag": '"two"'}, other)
    )
    told, ended = watched(director, time)
    assert told == [{"a": 1}, {"a": 2}]
    assert isinstance(ended, DirectorUnavailable)
    known = [None, '"one"', '"one"', '"two"']
    assert director.asked == [("wait=20.0", etag) for etag in known]
    assert all(0 <= pause <= 1 for pause in time.pauses), "no more than one call a second"


def test_who_watches_comes_back_later_where_there_is_no_room_to_wait(time: Time) -> None:
    director = Turning(("200 OK", {"ETag": '"one"'}, GOOD), ("304 Not Modified", {"Retry-After": "10"}, b""))
    watched(director, time)
    assert max(time.pauses) == 15.0  # ten, spread so that not all come back at once


def test_a_director_too_old_to_be_watched_says_so(time: Time) -> None:
    refusal = b'{"code": "bad_request", "message": "wait: unknown field; remove it"}'
    told, ended = watched(Turning(("400 Bad Request", {}, refusal)), time)
    assert told == []
    assert isinstance(ended, DirectorRefused)
    assert ended.code == "bad_request"


def test_the_client_is_light() -> None:
    """It must not bring Flask, gRPC, Google's clients or anything else of the director along."""
    heavy = ("flask", "grpc", "google.api_core", "google.auth", "yaml", "pydantic", "gunicorn", "director.strict")
    code = f"import director.client, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
