"""A configuration on its way from a person to a bridge: in force within two seconds, or not at all."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from director.provisioning.clients import Clients
from director.retries import Retries
from director.versions.documents import gathered
from director.versions.firestore import FirestoreVersions
from director.versions.version import Added
from localcloud.cloud import LocalCloud
from tests.faults.rig import Rig

NUMBERS = itertools.count(1)
HUB = """\
name: plant
project_id: {project}
region: europe-west1
location: EU
dataflows:
  environment: {{file: dataflows/environment.yaml}}
"""
DATAFLOW = """\
services:
  bridge:
    service_account: bridge-sa
    config:
      broker: {{url: "mqtt://127.0.0.1:{port}", client_id: bridge}}
      routes:
        up: {{filter: "old/+", destination: readings, event_type: iot.test}}
resources:
  topics:
    - name: readings
      message_retention_duration: 1d
      producers: [{{name: bridge, lookup: {{key: destinations.readings}}}}]
    - name: dead-letters
      message_retention_duration: 1d
      producers: [{{name: bridge, lookup: {{key: dead_letter_topic}}}}]
"""
Director = Callable[..., "subprocess.Popen[str]"]


class Place:
    """A folder of documents in a project of this test's own, and the store in its Firestore."""

    def __init__(self, folder: Path, port: int = 1883) -> None:
        self.project = f"config-{os.getpid()}-{next(NUMBERS)}"
        self.hub = folder / "architecture.yaml"
        self.dataflow = folder / "dataflows" / "environment.yaml"
        self.dataflow.parent.mkdir()
        self.hub.write_text(HUB.format(project=self.project))
        self.dataflow.write_text(DATAFLOW.format(port=port))

    def route(self, filter_: str) -> None:
        text = self.dataflow.read_text()
        begin = text.index('filter: "') + len('filter: "')
        self.dataflow.write_text(text[:begin] + filter_ + text[text.index('"', begin) :])


@pytest.fixture
def place(tmp_path: Path, broker_port: int, monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud) -> Place:
    """The store is where the environment says, as on Cloud Run."""
    made = Place(tmp_path, broker_port)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", made.project)
    return made


@pytest.fixture
def director(cloud: LocalCloud) -> Iterator[Director]:
    """Starts `python -m director …`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "director", *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:  # closes its pipes
            process.kill()


@pytest.fixture
def store(place: Place, cloud: LocalCloud) -> Iterator[Callable[[str], FirestoreVersions]]:
    """The store in a collection."""
    with Clients.open(place.project) as clients:
        yield lambda collection: FirestoreVersions(clients.firestore, Retries(), collection)


def done(process: "subprocess.Popen[str]", code: int = 0) -> tuple[str, str]:
    out, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    return out, error


def test_a_bridge_has_a_new_route_within_two_seconds_of_its_import_and_the_old_one_after_a_rollback(
    place: Place, director: Director, rig: Rig
) -> None:
    """The bridge would look by itself only every 30 seconds; what is left of the two is for a machine that is busy."""
    done(director("config", "import", place.hub, "--comment", "the first"))
    serving = director("serve", "--store", "firestore", "--port", "0", "--apply")
    url = ready(serving)
    start_bridge(rig, url)
    seconds = []
    for number, change in enumerate(("import", "import at the director", "rollback"), 2):
        if change == "rollback":
            changing = director("config", "rollback", "1", "--comment", "as it was")
        else:
            place.route(f"new-{number}/+")
            to = ("--director_url", url) if "director" in change else ()
            changing = director("config", "import", place.hub, *to)
        done(changing)
        began = time.monotonic()
        rig.eventually(lambda number=number: rig.bridge.metric("bridge_reloads_total") == number - 1, 15)
        seconds.append(time.monotonic() - began)
        assert requests.get(f"{url}/readyz", timeout=5).json()["version"] == number
    assert min(seconds) < 2, seconds
    sent = rig.device().publish("old/d1", b"{}", qos=1)
    sent.wait_for_publish(20)
    rig.device().publish("new-3/d1", b"{}", qos=1).wait_for_publish(20)
    rig.eventually(lambda: rig.bridge.metric("bridge_published_total") == 1)
    assert rig.bridge.metric("bridge_received_total") == 1, "the routes in between are gone"
    assert rig.bridge.metric("bridge_connections_total") == 1
    history = done(director("config", "history", "--json"))[0]
    facts = [json.loads(line) for line in history.splitlines()]
    assert [(one["number"], one["comment"], one["restores"]) for one in facts] == [
        (4, "as it was", 1),
        (3, "", None),
        (2, "", None),
        (1, "the first", None),
    ]
    assert facts[0]["sha256"] == facts[-1]["sha256"]


def ready(serving: "subprocess.Popen[str]") -> str:
    assert serving.stdout
    line = serving.stdout.readline()
    assert line.startswith("director ready on "), line + serving.communicate(timeout=20)[1]
    return line.split()[-1]


def start_bridge(rig: Rig, url: str) -> None:
    command = [sys.executable, "-m", "bridge", "run", "--director_url", url, "--dataflow", "environment"]
    with rig.bridge.log.open("ab") as log:
        rig.bridge.process = subprocess.Popen(
            [*command, "--health_port", str(rig.bridge.health_port)], stdout=log, stderr=log
        )
    rig.eventually(lambda: rig.bridge.ready)


def test_of_two_who_import_at_once_one_wins_and_the_other_is_told(place: Place, director: Director) -> None:
    done(director("config", "import", place.hub))
    others = []
    for name in ("anna", "bert"):
        place.route(f"{name}/+")
        folder = place.hub.parent / name
        done(director("config", "export", folder))
        (folder / "dataflows" / "environment.yaml").write_text(place.dataflow.read_text())
        others.append(folder / "architecture.yaml")
    running = [director("config", "import", hub, "--expected", "1") for hub in others]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert sorted(code for _, code in ended) == [0, 1]
    [(_, error)] = [said for said, code in ended if code == 1]
    assert "version 2 is current and not 1, so nothing was changed" in error
    assert "expected: version 1" in error
    assert len(done(director("config", "history", "--json"))[0].splitlines()) == 2


def test_killed_at_any_call_an_import_leaves_the_old_version_or_the_new_one(
    place: Place, store: Callable[[str], FirestoreVersions]
) -> None:
    """And never half of one: done again, it comes to the same."""
    old = gathered(place.hub)
    for number, when in itertools.product(range(20), ("before", "after")):
        store(f"kept-{number}-{when}").add(old, 0, Added("anna"))
    place.route("new/+")
    new = gathered(place.hub)
    script = Path(__file__).with_name("dying_import.py")
    command = [sys.executable, str(script), str(place.hub), "kept"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout
    told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    struck = [one["method"] for one in told if "method" in one]
    ends = [one for one in told if "ended" in one]
    assert {one["ended"] for one in ends[:-2]} == {-signal.SIGKILL}
    assert struck.count("Commit") == 2
    assert len(struck) >= 6
    found: list[Any] = []
    for end in ends:
        versions = store(f"kept-{end['call']}-{end['when']}")
        current = versions.current()
        assert current is not None
        assert versions.contents(current.number) == (old, new)[current.number - 1]
        assert [one.number for one in versions.page(None, 10)] == list(range(current.number, 0, -1))
        if current.number == 1:
            assert versions.add(new, 1, Added("anna")).number == 2
        assert versions.contents(2) == new
        found.append(current.number)
    assert set(found) == {1, 2}, "it was killed on both sides of what counts"
