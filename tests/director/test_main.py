"""The command line: what is asked gets done, and whatever people can mend is told in a line."""

import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from director.__main__ import main
from director.client import DirectorClient
from director.endpoints import EMULATOR_VARIABLES
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def no_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a local cloud nor credentials for Google's."""
    for name in EMULATOR_VARIABLES.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def start(cloud: LocalCloud) -> Iterator[Start]:
    """Starts `python -m director …` against the local cloud; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "director", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def ready_url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("director ready on http://127.0.0.1:"), line + process.communicate(timeout=20)[1]
    return line.split()[-1]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        threading.Event().wait(0.02)


def test_check_says_how_much_is_sound(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(document)]) == 0
    assert capsys.readouterr().out == f"{document}: 1 dataflow, no problems\n"


def test_check_prints_every_problem_a_line_and_ends_with_2(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document.write_text(
        document.read_text().replace("topic: readings", "topic: x").replace("location: EU", "location: Eu")
    )
    assert main(["check", str(document)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "location",
        "dataflows.air.resources.subscriptions[0].topic",
    ]


@pytest.mark.parametrize("command", ["check", "plan", "apply", "verify"])
def test_a_file_that_cannot_be_read_is_one_line_and_2(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path / "absent.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main([command, str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_schema_is_one_that_editors_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert "dataflows" in schema["required"]
    assert "deployment_environments" in schema["properties"]
    assert main(["schema", "--dataflow"]) == 0
    assert {"services", "resources"} <= set(json.loads(capsys.readouterr().out)["properties"])


@pytest.fixture
def live(document: Path) -> Path:
    """The small document with an environment `live`, where the architecture is in another region."""
    document.write_text(f"{document.read_text()}deployment_environments: {{live: {{region: europe-west4}}}}\n")
    return document


def test_each_value_is_shown_with_its_line_and_its_environment(
    live: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(live)]) == 0
    assert f'region: "europe-west1"  {live}:3\n' in capsys.readouterr().out
    last = live.read_text().count("\n")
    assert main(["show", str(live), "--environment", "live"]) == 0
    assert f'region: "europe-west4"  {live}:{last} (environment live)\n' in capsys.readouterr().out
    monkeypatch.setenv("DIRECTOR_ENVIRONMENT", "live")
    assert main(["show", str(live), "--json"]) == 0
    (region,) = [one for one in json.loads(capsys.readouterr().out) if one["path"] == "region"]
    assert region == {"path": "region", "value": "europe-west4", "file": str(live), "line": last, "environment": "live"}


@pytest.mark.parametrize("command", ["check", "show", "plan", "apply", "verify", "drift", "history", "serve"])
def test_every_command_takes_an_environment_and_knows_those_of_the_document(
    command: str, live: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = ["--architecture", str(live)] if command == "serve" else [str(live)]
    assert main([command, *file, "--environment", "life"]) == 2
    assert "no environment 'life' here; did you mean 'live'?" in capsys.readouterr().err


@pytest.mark.usefixtures("cloud")
def test_a_plan_is_of_the_environment_that_is_asked_for(live: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live.write_text(live.read_text().replace("{region: europe-west4}", "{name_suffix: live}"))
    assert main(["plan", str(live), "--environment", "live"]) == 0
    assert "topics/readings-live" in capsys.readouterr().out


@pytest.mark.usefixtures("no_cloud")
def test_without_credentials_it_says_what_to_do(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["plan", str(document)], ["serve", "--architecture", str(document), "--port", "0"]):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("director: no Google credentials; run `gcloud auth application-default login`, or set")
        assert error.count("\n") == 1


@pytest.mark.usefixtures("no_cloud")
def test_half_an_environment_is_refused(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    assert main(["apply", str(document)]) == 2
    assert "PUBSUB_EMULATOR_HOST set, but not FIRESTORE_EMULATOR_HOST, " in capsys.readouterr().err


def test_a_wrong_command_or_option_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["destroy"], ["serve"], ["serve", "--architecture", "x", "--port", "many"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com"])
def test_only_loopback_is_served_while_nobody_is_authenticated(
    document: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--architecture", str(document), "--host", host, "--port", "0"]) == 2
    error = capsys.readouterr().err
    assert "use 127.0.0.1" in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("cloud")
def test_a_port_in_use_is_one_line(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--architecture", str(document), "--port", port]) == 2
    assert capsys.readouterr().err == (
        f"director: port {port} cannot be opened (Address already in use); choose another with --port\n"
    )


@pytest.mark.usefixtures("cloud")
def test_plan_apply_verify_and_apply_again(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(document)

    def lines(*arguments: str) -> tuple[int, list[str]]:
        code = main([*arguments, path])
        return code, [line.split()[0] for line in capsys.readouterr().out.splitlines()]

    assert lines("plan") == (0, [*["create"] * 7, "hash"])
    assert lines("verify") == (1, ["create"] * 7)
    assert lines("apply") == (0, ["created"] * 7)
    assert lines("apply") == (0, ["unchanged"] * 7)
    assert lines("plan", "--dataflow", "air") == (0, [*["none"] * 7, "hash"])
    assert main(["verify", path]) == 0
    assert capsys.readouterr().out == "everything is as wanted\n"
    assert main(["apply", path, "--dataflow", "water"]) == 2


@pytest.mark.usefixtures("cloud")
def test_a_foreign_resource_makes_plan_and_apply_fail(
    document: Path, clients: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    clients.publisher.create_topic(name=f"projects/{clients.storage.project}/topics/readings")
    assert main(["plan", str(document)]) == 1
    assert main(["apply", str(document)]) == 1
    assert "refused   topics" in capsys.readouterr().out
    assert not list(clients.storage.list_buckets())


def test_a_killed_apply_is_completed_by_the_next(document: Path, cloud: LocalCloud, start: Start) -> None:
    """kill -9 while the answer of a call hangs, its effect done."""
    fault = cloud.faults.add(Fault(method="pubsub.CreateSubscription", action="hang", when="after"))
    struck = len(cloud.faults.log)
    process = start("apply", document, "--lease-seconds", "2")
    until(lambda: len(cloud.faults.log) > struck)
    process.kill()
    process.wait(10)
    cloud.faults.remove(fault)
    assert main(["apply", str(document)]) == 0
    assert main(["verify", str(document)]) == 0


def test_serving_from_start_to_stop(document: Path, start: Start) -> None:
    process = start("serve", "--architecture", document, "--port", "0", "--apply")
    url = ready_url(process)
    response = requests.get(f"{url}/readyz", timeout=10)
    assert (response.status_code, response.headers["Server"]) == (200, "director")
    client = DirectorClient(url, budget=0)
    assert client.verify("air") == {"dataflow": "air", "changes": []}
    assert client.register("air", "archive").config["devices"] == "devices"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    report = process.communicate()[1].splitlines()
    assert [line.split()[0] for line in report] == ["created"] * 7


def test_an_apply_that_fails_at_start_ends_the_server(document: Path, clients: Any, start: Start) -> None:
    clients.publisher.create_topic(name=f"projects/{clients.storage.project}/topics/readings")
    process = start("serve", "--architecture", document, "--port", "0", "--apply")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert "refused   topics" in errors
    assert errors.endswith("director: not started, since the architecture could not be applied (see above)\n")


def test_a_server_bounds_what_it_takes_and_answers_what_it_took_before_it_stops(
    document: Path, cloud: LocalCloud, start: Start
) -> None:
    process = start("serve", "--architecture", document, "--port", "0")
    url = ready_url(process)
    plan = f"{url}/v1/dataflows/air:plan"
    for body in (b" " * 300_000, iter([b" " * 100_000] * 3)):  # with its length told, and in chunks
        response = requests.post(plan, data=body, headers={"Content-Type": "application/json"}, timeout=10)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert requests.get(f"{url}/{'x' * 9_000}", timeout=10).status_code == 414
    struck = len(cloud.faults.log)
    fault = cloud.faults.add(Fault(method="pubsub.GetTopic", action="hang"))
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(requests.post(plan, timeout=30).status_code))
    asking.start()
    until(lambda: len(cloud.faults.log) > struck)
    process.send_signal(signal.SIGTERM)
    cloud.faults.remove(fault)
    asking.join(30)
    assert answers == [200]
    assert process.wait(15) == 0


@pytest.fixture
def ephemeral(document: Path) -> Path:
    text = document.read_text().replace("    services:", "    lifecycle: {strategy: ephemeral}\n    services:", 1)
    document.write_text(text)
    return document


@pytest.mark.usefixtures("cloud")
def test_a_plan_in_a_file_is_applied_as_long_as_it_fits(
    document: Path, tmp_path: Path, clients: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path, kept = str(document), str(tmp_path / "plan.json")
    assert main(["plan", path, "--json", "--out", kept]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "plan.json").read_text()
    [plan] = json.loads(printed)["plans"]
    assert [change["action"] for change in plan["changes"]] == ["create"] * 7
    assert main(["apply", path, "--plan", kept]) == 0
    capsys.readouterr()
    assert main(["apply", path, "--plan", kept]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert "no longer fits, so nothing was touched; plan again" in error
    assert error.count("was create (does not exist), now none") == 7
    assert main(["apply", path, "--plan", plan["hash"]]) == 1
    assert main(["apply", path, "--plan", "HASH", "--dataflow", "water"]) == 2
    capsys.readouterr()
    assert main(["apply", path, "--plan", "absent.json"]) == 2
    assert "--plan absent.json: there is no such file, and it is no hash" in capsys.readouterr().err
    assert main(["plan", path, "--out", str(tmp_path / "absent" / "plan.json")]) == 2
    (tmp_path / "plan.json").write_text(printed.replace('"create"', '"update"', 1))
    assert main(["apply", path, "--plan", kept]) == 2
    assert "this plan was changed" in capsys.readouterr().err


@pytest.mark.usefixtures("cloud")
def test_a_hash_as_printed_is_a_plan_to_apply(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(document), "--service", "bridge"]) == 0
    *changes, last = capsys.readouterr().out.splitlines()
    assert len(changes) == 1
    assert last.endswith(" apply of air (bridge): 1 create")
    assert main(["apply", str(document), "--service", "bridge", "--plan", last.split()[1]]) == 0
    assert capsys.readouterr().out.startswith("created   topics")


@pytest.mark.usefixtures("cloud")
def test_drift_is_printed_and_ends_with_1(
    document: Path, tmp_path: Path, clients: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = ["--journal", str(tmp_path / "journal")]
    assert main(["apply", str(document), *journal]) == 0
    capsys.readouterr()
    assert main(["drift", str(document), *journal]) == 0
    assert capsys.readouterr().out == "no drift\n"
    name = f"projects/{clients.storage.project}/topics/readings"
    clients.publisher.update_topic(
        request={"topic": {"name": name}, "update_mask": {"paths": ["message_retention_duration"]}}
    )
    assert main(["drift", str(document), *journal]) == 1
    assert capsys.readouterr().out == f"topics {name} message_retention_duration: none -> 1d; moved: world\n"
    assert main(["drift", str(document), *journal, "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)["air"]
    assert (found["live"], found["wanted"], found["mendable"]) == (None, 86400.0, True)


@pytest.mark.usefixtures("cloud")
def test_a_teardown_asks_and_deletes_nothing_unless_somebody_agrees(
    ephemeral: Path, clients: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["teardown", str(ephemeral), "--dataflow", "air"]
    assert main(["apply", str(ephemeral)]) == 0
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" teardown of air: 7 delete")
    assert main(command) == 2
    assert "nobody can answer; see --dry-run, then say --yes" in capsys.readouterr().err
    for answer, code in (("yes\n", 2), ("air\n", 0)):
        monkeypatch.setattr(sys, "stdin", Typed(answer))
        assert main(command) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-7:]] == ["deleted"] * 7
    assert main([*command, "--yes"]) == 0
    assert not list(clients.storage.list_buckets())


class Typed(io.StringIO):
    """What somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("cloud")
def test_data_is_deleted_only_where_its_name_is_typed(
    ephemeral: Path, clients: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["teardown", str(ephemeral), "--dataflow", "air", "--yes"]
    assert main(["apply", str(ephemeral)]) == 0
    [bucket] = clients.storage.list_buckets()
    bucket.blob("x").upload_from_string("x")
    capsys.readouterr()
    assert main(command) == 1
    assert f"refused   gcs_buckets {bucket.name}: would lose objects" in capsys.readouterr().out
    assert main([*command, "--force-data-loss", "absent"]) == 2
    assert "no resource 'absent' here, so its loss cannot be confirmed" in capsys.readouterr().err
    assert main([*command, "--force-data-loss", bucket.name]) == 0
    assert not list(clients.storage.list_buckets())


@pytest.mark.usefixtures("cloud")
def test_a_part_is_torn_down_alone(ephemeral: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", str(ephemeral)]) == 0
    capsys.readouterr()
    command = ["teardown", str(ephemeral), "--dataflow", "air", "--yes"]
    assert main([*command, "--resource", "subscriptions/readings-archive"]) == 0
    assert capsys.readouterr().out.startswith("deleted   subscriptions")
    assert main([*command, "--service", "archive"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == ["absent", "deleted", "deleted"]


@pytest.mark.usefixtures("cloud")
def test_the_history_tells_intents_and_outcomes(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", str(document), "--journal-collection", "elsewhere"]) == 0
    capsys.readouterr()
    assert main(["history", str(document), "--journal-collection", "elsewhere"]) == 0
    phases = [line.split()[2] for line in capsys.readouterr().out.splitlines()]
    assert sorted(phases) == ["done"] * 7 + ["intent"] * 7
    assert main(["history", str(document), "--json"]) == 0
    assert capsys.readouterr().out == ""
