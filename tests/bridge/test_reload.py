"""A new configuration is used when it is valid whole; anything else leaves the old one and says so."""

import copy
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from werkzeug.serving import make_server

from bridge.config import BridgeConfig, configuration
from bridge.metrics import Metrics
from bridge.reload import Reload
from bridge.sources import Clients, DirectorOrigin, FileOrigin, Origin
from director.client import DirectorClient
from director.last_good import LastGood
from director.starting import Ways

DOCUMENT: dict[str, Any] = {
    "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
    "destinations": {"in": "projects/p/topics/in"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": {"up": {"filter": "up/{device}", "destination": "in", "event_type": "iot.test"}},
}


def changed(**parts: Any) -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT) | parts


def routed(*names: str) -> dict[str, Any]:
    return changed(
        routes={name: {"filter": f"{name}/+", "destination": "in", "event_type": "iot.test"} for name in names}
    )


class Desk:
    """A reload at work, and the configurations it brought."""

    def __init__(self, origin: Origin) -> None:
        self.metrics = Metrics()
        self.used: list[BridgeConfig] = []
        self.broken = False
        self.reload = Reload(origin, configuration(origin.read()), self._use, self.metrics)
        self.reload.start()

    @property
    def routes(self) -> list[set[str]]:
        return [set(config.routes) for config in self.used]

    def count(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("bridge_reloads_total", {"outcome": outcome}) or 0.0

    @property
    def rejected(self) -> float | None:
        return self.metrics.registry.get_sample_value("bridge_config_rejected")

    def _use(self, config: BridgeConfig) -> None:
        if self.broken:
            raise RuntimeError("a bug")
        self.used.append(config)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(DOCUMENT))
    return file


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    origin = FileOrigin(path, "mqtt://127.0.0.1:2883")
    origin.seconds = 0.02
    made = Desk(origin)
    yield made
    made.reload.stop()
    assert not made.reload.alive


Eventually = Callable[..., None]


def test_a_changed_file_is_used_with_the_address_of_the_command_line(
    desk: Desk, path: Path, eventually: Eventually
) -> None:
    path.write_text(yaml.safe_dump(routed("up", "more")))
    eventually(lambda: desk.used)
    assert desk.routes == [{"up", "more"}]
    assert desk.used[0].broker.url == "mqtt://127.0.0.1:2883"
    eventually(lambda: desk.count("used") == 1)
    assert (desk.reload.refused, desk.rejected) == (None, 0.0)


def test_the_same_words_written_again_change_nothing(desk: Desk, path: Path, eventually: Eventually) -> None:
    path.write_text(f"# a comment\n{yaml.safe_dump(DOCUMENT)}")
    eventually(lambda: desk.count("unchanged") == 1)
    assert desk.used == []


def test_a_refused_document_leaves_the_old_one_and_shows_without_its_words(
    desk: Desk, path: Path, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = changed(on_overlap="perhaps", dead_letter_topic="canary")
    path.write_text(yaml.safe_dump(wrong))
    eventually(lambda: desk.reload.refused)
    assert desk.used == []
    assert "canary" not in (desk.reload.refused or "")
    eventually(lambda: desk.rejected == 1.0)
    eventually(lambda: desk.count("refused") == 1)
    errors = "\n".join(record.message for record in caplog.records if record.levelno == logging.ERROR)
    assert "bridge.yaml:" in errors
    assert "on_overlap" in errors
    assert "'canary' is no Pub/Sub topic" in errors
    path.write_text(yaml.safe_dump(routed("up", "more")))
    eventually(lambda: desk.used)
    eventually(lambda: desk.rejected == 0.0)


def test_going_back_to_the_old_document_ends_a_refusal(desk: Desk, path: Path, eventually: Eventually) -> None:
    path.write_text("routes: [")
    eventually(lambda: desk.rejected == 1.0)
    path.write_text(yaml.safe_dump(DOCUMENT))
    eventually(lambda: desk.rejected == 0.0)
    assert desk.used == []


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"broker": {**DOCUMENT["broker"], "client_id": "another"}}, "broker.client_id"),
        ({"publishing": {"deadline_seconds": 7.0}}, "publishing.deadline_seconds"),
    ],
)
def test_what_belongs_to_the_session_needs_a_restart(
    desk: Desk, path: Path, eventually: Eventually, caplog: pytest.LogCaptureFixture, part: Any, place: str
) -> None:
    path.write_text(yaml.safe_dump(changed(**part)))
    eventually(lambda: desk.count("refused") == 1)
    assert desk.used == []
    assert f"{place}: a change here needs a restart" in caplog.text


def test_a_file_that_is_gone_is_refused(desk: Desk, path: Path, eventually: Eventually) -> None:
    path.unlink()
    eventually(lambda: desk.rejected == 1.0)
    path.write_text(yaml.safe_dump(DOCUMENT))
    eventually(lambda: desk.rejected == 0.0)


def test_a_file_that_is_still_being_written_is_left_alone(path: Path) -> None:
    origin = FileOrigin(path)
    origin.read()
    assert not origin.changed()
    for text in ("routes:", "routes: {}", "routes: {up: {}}"):
        path.write_text(text)
        assert not origin.changed()
    assert origin.changed()


def test_asked_to_it_looks_at_once(path: Path, eventually: Eventually) -> None:
    origin = FileOrigin(path)
    origin.seconds = 3_600.0
    desk = Desk(origin)
    path.write_text(yaml.safe_dump(routed("other")))
    desk.reload.now()
    eventually(lambda: desk.routes == [{"other"}])
    desk.reload.stop()


def test_a_bug_while_it_is_put_to_use_shows_and_leaves_the_thread_running(
    desk: Desk, path: Path, eventually: Eventually
) -> None:
    desk.broken = True
    path.write_text(yaml.safe_dump(routed("up", "more")))
    eventually(lambda: desk.rejected == 1.0)
    desk.broken = False
    desk.reload.now()
    eventually(lambda: desk.used)
    eventually(lambda: desk.rejected == 0.0)


class Door:
    """What a director answers for one service."""

    def __init__(self) -> None:
        self.config = DOCUMENT
        self.ready = True
        self.status = "200 OK"
        self.code: str | None = None
        self.watched = 0
        self.turn = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        body: dict[str, Any] = {"project": "p", "dataflow": "d", "service": "bridge", "config": self.config}
        status = self.status
        if environ["QUERY_STRING"] and environ.get("HTTP_IF_NONE_MATCH"):
            self.watched += 1
            self.turn.wait(10)
            body["config"] = self.config
        if self.code:
            body = {"code": self.code}
        if environ["REQUEST_METHOD"] == "POST" and not self.ready:
            status, body = "409 CONFLICT", {"code": "not_as_wanted", "detail": "resources are missing"}
        start_response(status, [("Content-Type", "application/json"), ("ETag", '"one"')])
        return [json.dumps(body).encode()]


@pytest.fixture
def door() -> Iterator[tuple[Door, DirectorClient]]:
    answers = Door()
    server = make_server("127.0.0.1", 0, answers, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield answers, DirectorClient(f"http://127.0.0.1:{server.server_port}", budget=0.05)
    answers.turn.set()
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_the_directors_new_configuration_is_used_once_its_resources_are_there(
    door: tuple[Door, DirectorClient], eventually: Eventually
) -> None:
    answers, client = door
    desk = Desk(DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, 0.02))
    answers.ready = False
    answers.config = routed("up", "more")
    eventually(lambda: desk.count("refused") >= 2)
    assert desk.rejected == 1.0
    assert desk.used == []
    answers.ready = True
    eventually(lambda: desk.routes == [{"up", "more"}])
    eventually(lambda: desk.rejected == 0.0)
    desk.reload.stop()


def test_going_back_to_the_old_configuration_ends_the_directors_no(
    door: tuple[Door, DirectorClient], eventually: Eventually
) -> None:
    """As after a rollback: what was refused never came to be read."""
    answers, client = door
    desk = Desk(DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, 0.02))
    answers.ready = False
    answers.config = routed("up", "more")
    eventually(lambda: desk.rejected == 1.0)
    answers.config = DOCUMENT
    answers.ready = True
    eventually(lambda: desk.rejected == 0.0)
    assert desk.used == []
    desk.reload.stop()


@pytest.mark.parametrize("status", ["429 TOO MANY REQUESTS", "503 SERVICE UNAVAILABLE"])
def test_a_director_that_has_no_time_refuses_nothing(
    door: tuple[Door, DirectorClient], eventually: Eventually, status: str
) -> None:
    answers, client = door
    desk = Desk(DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, 0.02))
    answers.code, answers.status = "too_many_requests", status
    eventually(lambda: desk.count("unavailable") >= 2)
    assert (desk.count("refused"), desk.rejected) == (0.0, 0.0)
    desk.reload.stop()


def test_a_director_that_is_away_changes_nothing_and_is_told_once(
    door: tuple[Door, DirectorClient], eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    answers, client = door
    caplog.set_level(logging.INFO)
    desk = Desk(DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, 0.02))
    answers.status = "502 Bad Gateway"
    eventually(lambda: desk.count("unavailable") >= 3)
    answers.status = "200 OK"
    eventually(lambda: "can be read again" in caplog.text)
    assert caplog.text.count("cannot look for a new configuration") == 1
    assert (desk.used, desk.rejected) == ([], 0.0)
    desk.reload.stop()


def test_what_the_director_tells_of_is_used_without_waiting_for_the_next_look(
    door: tuple[Door, DirectorClient], eventually: Eventually
) -> None:
    answers, client = door
    desk = Desk(DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, 3_600.0))
    eventually(lambda: answers.watched)
    answers.config = routed("up", "more")
    answers.turn.set()
    eventually(lambda: desk.routes == [{"up", "more"}])
    desk.reload.stop()


def test_started_with_what_was_kept_it_says_so_until_the_director_answers(
    door: tuple[Door, DirectorClient], tmp_path: Path, eventually: Eventually
) -> None:
    answers, client = door
    ways = Ways(LastGood(tmp_path / "last.json"))
    DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, None, ways).read()
    answers.status = "502 Bad Gateway"
    answers.config = routed("up", "more")
    desk = Desk(DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, 0.02, ways))
    assert str(desk.reload.remark).startswith("started without the director, with the configuration of 20")
    eventually(lambda: desk.count("unavailable") >= 1)
    answers.status = "200 OK"
    eventually(lambda: desk.routes == [{"up", "more"}])
    assert desk.reload.remark is None
    desk.reload.stop()
    answers.status = "502 Bad Gateway"
    kept = DirectorOrigin(Clients(client, client, client), ("d", "bridge"), None, None, ways).read()
    assert set(kept.data["routes"]) == {"up", "more"}, "what came later was kept too"
