"""What becomes of commands when directors are killed, stopped, and many: one effect, one stored result, always told."""

import json
import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import DeadlineExceeded

from director.__main__ import main
from director.client import DirectorClient
from director.provisioning.clients import Clients
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import free_port
from tests.director.commands.conftest import CONTROL, MANAGED
from tests.faults.test_rest_faults import DirectorProcess

STATE = ("--audit", "firestore", "--operations", "firestore")


class Commanded(DirectorProcess):
    """A director with a second door that keeps everything in Firestore, as on Cloud Run."""

    def __init__(self, folder: Path, architecture: Path) -> None:
        super().__init__(folder)
        self.architecture = architecture
        (folder / "architecture.yaml").write_text(architecture.read_text())
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, *more: str) -> None:
        super().start("--journal", "firestore", *STATE, *more)

    def takes_commands(self) -> bool:
        return bool(requests.get(f"{self.url}/readyz", timeout=10).json()["commands"]["subscribed"])


class Rig:
    def __init__(self, cloud: LocalCloud, clients: Clients, folder: Path, eventually: Callable[..., None]) -> None:
        self.cloud, self.clients, self.folder = cloud, clients, folder
        self.eventually = eventually
        self.directors: list[Commanded] = []
        self.told: list[dict[str, Any]] = []

    def start(self) -> Commanded:
        folder = self.folder / f"director-{len(self.directors)}"
        folder.mkdir()
        found = Commanded(folder, self.folder / "architecture.yaml")
        self.directors.append(found)
        found.start()
        self.eventually(found.takes_commands)
        return found

    def send(self, instruction: str = "dataflow-setup", command_id: str | None = None) -> str:
        found = command_id or str(uuid.uuid4())
        command = {
            "v": 1, "command_id": found, "issued_at": datetime.now(UTC).isoformat(), "instruction": instruction,
            "payload": {"dataflow_name": "air"},
        }  # fmt: skip
        topic = f"projects/{self.clients.project}/topics/commands"
        self.clients.publisher.publish(topic=topic, messages=[{"data": json.dumps(command).encode()}])
        return found

    def ends(self, command_id: str) -> list[dict[str, Any]]:
        """Completions of the command so far."""
        name = f"projects/{self.clients.project}/subscriptions/completions-watched"
        with suppress(DeadlineExceeded):
            found = self.clients.subscriber.pull(subscription=name, max_messages=99, timeout=1.0).received_messages
            self.told += [json.loads(one.message.data) for one in found]
            if found:
                self.clients.subscriber.acknowledge(subscription=name, ack_ids=[one.ack_id for one in found])
        return [one for one in self.told if one["command_id"] == command_id]


@pytest.fixture
def rig(
    cloud: LocalCloud, tmp_path: Path, eventually: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> Iterator[Rig]:
    """The topics of the second door are there; the dataflow that commands are about is not."""
    plain = DirectorProcess(tmp_path)
    file = plain.folder / "architecture.yaml"
    file.write_text(file.read_text().replace("dataflows:\n", MANAGED + "dataflows:\n", 1) + CONTROL)
    assert main(["apply", str(file), "--dataflow", "control"]) == 0
    project = next(line for line in file.read_text().splitlines() if line.startswith("project_id:")).split()[1]
    with Clients.open(project) as clients:
        found = Rig(cloud, clients, tmp_path, eventually)
        yield found
        cloud.faults.clear()
        for director in found.directors:
            director.end()


def states(director: Commanded, command_id: str) -> list[str]:
    return [one["state"] for one in DirectorClient(director.url).operations_of(command_id)]


def audit(director: Commanded) -> list[tuple[str, str | None]]:
    found = requests.get(f"{director.url}/v1/audit", timeout=10).json()["records"]
    return [(one["phase"], one["result"]) for one in found[::-1]]


def test_a_director_killed_between_the_effect_and_its_word_leaves_one_result_that_the_next_one_tells(rig: Rig) -> None:
    first = rig.start()
    command_id = str(uuid.uuid4())
    struck = len(rig.cloud.faults.log)
    fault = rig.cloud.faults.add(
        Fault(method="pubsub.Publish", action="hang", resource="*/completions", marker=command_id)
    )
    rig.send(command_id=command_id)
    rig.eventually(lambda: len(rig.cloud.faults.log) > struck)
    assert states(first, command_id) == ["succeeded"]
    first.kill()
    rig.cloud.faults.remove(fault)
    second = rig.start()
    rig.eventually(lambda: rig.ends(command_id), 90)
    [end] = rig.ends(command_id)
    assert (end["status"], len(end["resources"])) == ("dataflow_complete", 7)
    assert states(second, command_id) == ["succeeded"]
    assert audit(second) == [("intent", None), ("outcome", "succeeded")]
    assert DirectorClient(second.url).verify("air")["changes"] == []


def test_a_director_killed_in_the_middle_is_followed_by_one_that_completes(rig: Rig) -> None:
    first = rig.start()
    struck = len(rig.cloud.faults.log)
    fault = rig.cloud.faults.add(Fault(method="pubsub.CreateSubscription", action="hang", when="after"))
    command_id = rig.send()
    rig.eventually(lambda: len(rig.cloud.faults.log) > struck)
    first.kill()
    rig.cloud.faults.remove(fault)
    second = rig.start()
    rig.eventually(lambda: rig.ends(command_id), 90)
    assert {one["status"] for one in rig.ends(command_id)} == {"dataflow_complete"}
    assert states(second, command_id) == ["succeeded", "interrupted"]
    assert audit(second) == [("intent", None), ("outcome", "interrupted"), ("intent", None), ("outcome", "succeeded")]
    assert DirectorClient(second.url).verify("air")["changes"] == []


def test_a_director_that_is_stopped_hands_its_command_over(rig: Rig) -> None:
    """As in a rollout: the next one runs already."""
    first = rig.start()
    struck = len(rig.cloud.faults.log)
    fault = rig.cloud.faults.add(Fault(method="pubsub.CreateTopic", action="hang", calls=1))
    command_id = rig.send()
    rig.eventually(lambda: len(rig.cloud.faults.log) > struck)
    second = rig.start()
    assert states(second, command_id) == ["running"], "who runs it lives"
    assert first.process is not None
    first.process.send_signal(signal.SIGTERM)
    rig.cloud.faults.remove(fault)
    assert first.process.wait(20) == 0
    rig.eventually(lambda: rig.ends(command_id), 90)
    assert {one["status"] for one in rig.ends(command_id)} == {"dataflow_complete"}
    assert states(second, command_id)[0] == "succeeded"
    assert DirectorClient(second.url).verify("air")["changes"] == []


def test_of_two_directors_each_command_is_carried_out_by_one(rig: Rig) -> None:
    first, second = rig.start(), rig.start()
    ids = [rig.send("verify") for _ in range(6)] + [rig.send()]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: rig.send("verify" if one in ids[:-1] else "dataflow-setup", one), ids))
    rig.eventually(lambda: all(len(rig.ends(one)) >= 2 for one in ids), 90)
    for one in ids:
        assert len({end["event_id"] for end in rig.ends(one)}) == 1
        assert len([state for state in states(first, one) if state in ("succeeded", "failed")]) == 1
    assert DirectorClient(second.url).verify("air")["changes"] == []
