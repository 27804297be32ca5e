"""A bridge as its operator sees it: signals, exit codes, pages, a configuration that changes under way."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.monitoring_v3.types import ListTimeSeriesRequest, ListTimeSeriesResponse

from director.endpoints import channel
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import free_port
from tests.faults.rig import Rig, numbered

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "bridge.md").read_text()


@pytest.fixture
def rig(cloud: LocalCloud, broker_port: int, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Rig]:
    made = Rig(cloud, broker_port, tmp_path, eventually)
    made.configure()
    yield made
    made.close()


def rewrite(rig: Rig, **parts: Any) -> None:
    """Puts other parts in place of those of the configuration file."""
    document = yaml.safe_load(rig.bridge.config.read_text()) | parts
    rig.bridge.config.write_text(yaml.safe_dump(document))


def routes(*names: str) -> dict[str, Any]:
    return {
        name: {
            "filter": f"{name}/{{device}}/up",
            "destination": "in",
            "event_type": "iot.test",
            "id": {"property": "id"},
            "on_invalid": "substitute",
        }
        for name in names
    }


def publish(rig: Rig, mqtt_topic: str, payload: bytes) -> None:
    rig.device().publish(mqtt_topic, payload, qos=1).wait_for_publish(20)


def payloads(rig: Rig) -> set[bytes]:
    rig.collect()
    return {message.data for message in rig.received}


def bridge(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bridge", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, **more)


def test_a_second_sigterm_cuts_the_drain_short_and_the_broker_keeps_the_messages(rig: Rig) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic, action="hang"))
    rig.send(numbered(5))
    rig.eventually(lambda: rig.bridge.metric("bridge_in_flight") == 5)
    rig.bridge.signal(signal.SIGTERM)
    rig.eventually(lambda: rig.bridge.page("readyz") == (503, "stopping\n"))
    assert rig.bridge.page("livez")[0] == 200
    began = time.monotonic()
    assert rig.bridge.terminate() == 143
    assert time.monotonic() - began < 5
    rig.cloud.faults.remove(fault)
    rig.start()
    rig.arrived(numbered(5))


def test_sighup_changes_routes_on_the_same_connection_and_loses_nothing(rig: Rig) -> None:
    rewrite(rig, routes=routes("devices", "old"))
    rig.start("--log_format", "json")
    sender = threading.Thread(target=rig.send, args=(numbered(2_000),))
    sender.start()
    rewrite(rig, routes=routes("devices", "new"))
    rig.bridge.signal(signal.SIGHUP)
    rig.eventually(lambda: publish(rig, "new/d1/up", b"by the new route") or b"by the new route" in payloads(rig))
    sender.join()
    rig.arrived(numbered(2_000))
    rig.settled()
    received = rig.bridge.metric("bridge_received_total")
    publish(rig, "old/d1/up", b"by the old route")
    publish(rig, "new/d1/up", b"the last")
    rig.eventually(lambda: b"the last" in payloads(rig))
    assert rig.bridge.metric("bridge_received_total") == received + 1  # the old filter is subscribed no more
    assert rig.bridge.metric("bridge_connections_total") == 1
    assert rig.bridge.metric("bridge_reloads_total") >= 1
    assert rig.dead_letters() == []
    assert all(json.loads(line)["severity"] for line in rig.bridge.said().splitlines())


def test_a_changed_file_is_found_and_a_refused_one_shows_while_messages_flow(rig: Rig) -> None:
    rig.start("--log_format", "text")
    rewrite(rig, on_overlap="canary")
    rig.eventually(lambda: rig.bridge.metric("bridge_config_rejected") == 1)
    status, words = rig.bridge.page("readyz")
    assert status == 200
    assert words.startswith("ok (configuration refused at ")
    assert "canary" not in words + rig.bridge.page("metrics")[1]
    assert "on_overlap" in rig.bridge.said()
    rig.send(numbered(10))
    rig.arrived(numbered(10))
    rewrite(rig, on_overlap="first", routes=routes("devices", "new"))
    rig.eventually(lambda: rig.bridge.page("readyz") == (200, "ok\n"))
    publish(rig, "new/d1/up", b"new")
    rig.eventually(lambda: b"new" in payloads(rig))


def test_a_change_of_the_broker_is_refused_but_the_address_of_the_command_line_is_no_change(rig: Rig) -> None:
    url = f"mqtt://127.0.0.1:{rig.broker_port}"
    rig.way_in = free_port()
    rig.configure()
    rig.start("--broker_url", url, "--log_format", "text")
    rewrite(rig, routes=routes("devices", "new"))
    rig.bridge.signal(signal.SIGHUP)
    rig.eventually(lambda: rig.bridge.metric("bridge_reloads_total") == 1)
    assert rig.bridge.ready
    rig.configure(client_id="another")
    rig.bridge.signal(signal.SIGHUP)
    rig.eventually(lambda: rig.bridge.metric("bridge_config_rejected") == 1)
    assert "broker.client_id: a change here needs a restart" in rig.bridge.said()


@contextmanager
def director(architecture: Path, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "director", "serve", "--architecture", str(architecture), "--port", str(port)]
    with subprocess.Popen([*command, "--apply"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "director ready" in process.stdout.readline()
        yield
        process.terminate()


def test_a_new_configuration_at_the_director_is_used_and_a_director_that_is_away_changes_nothing(
    rig: Rig, tmp_path: Path
) -> None:
    example = Path(__file__).parents[2] / "examples" / "environment"
    shutil.copytree(example, tmp_path, dirs_exist_ok=True)
    architecture, port = tmp_path / "architecture.yaml", free_port()
    dataflow = tmp_path / "dataflows" / "environment.yaml"
    for file in (architecture, dataflow):
        text = file.read_text().replace("local-project", f"project-{port}")
        file.write_text(text.replace("environment-archive", f"archive-{port}"))
    rig.bridge.config = tmp_path / "unused.yaml"
    with director(architecture, port):
        process = [sys.executable, "-m", "bridge", "run", "--director_url", f"http://127.0.0.1:{port}"]
        process += ["--broker_url", f"mqtt://127.0.0.1:{rig.broker_port}", "--health_port", str(rig.bridge.health_port)]
        with rig.bridge.log.open("ab") as log:
            rig.bridge.process = subprocess.Popen([*process, "--reload_seconds", "1"], stdout=log, stderr=log)
        rig.eventually(lambda: rig.bridge.ready)
    rig.eventually(lambda: "cannot look for a new configuration" in rig.bridge.said())
    assert rig.bridge.ready
    dataflow.write_text(dataflow.read_text().replace("devices/{device}/environment", "halls/{device}/air"))
    with director(architecture, port):
        rig.eventually(lambda: "a new configuration is in force" in rig.bridge.said())
        publish(rig, "halls/h1/air", b"{}")
        rig.eventually(lambda: rig.bridge.metric("bridge_dead_lettered_total") == 1)  # it has no id
    assert rig.bridge.metric("bridge_connections_total") == 1


def test_within_30_seconds_of_pubsub_going_away_it_is_not_ready_and_alive(rig: Rig) -> None:
    rig.start()
    fault = rig.cloud.faults.add(Fault(method="pubsub.Publish", resource=rig.topic))
    rig.send(numbered(5))
    began = time.monotonic()
    rig.eventually(lambda: not rig.bridge.ready, 30)
    assert time.monotonic() - began > 5  # a blip is no outage
    assert "Pub/Sub has taken nothing for" in rig.bridge.page("readyz")[1]
    assert rig.bridge.page("healthz")[0] == 200
    assert rig.bridge.metric("bridge_publish_failing_seconds") > 5
    assert rig.bridge.metric("bridge_oldest_in_flight_seconds") > 5
    rig.cloud.faults.remove(fault)
    rig.arrived(numbered(5))
    rig.eventually(lambda: rig.bridge.ready)


def test_the_pages_show_every_documented_figure_and_only_such(rig: Rig) -> None:
    rig.start()
    rig.send(numbered(30))
    rig.settled()
    page = rig.bridge.page("metrics")[1].splitlines()
    shown = {line.split()[2] for line in page if line.startswith("# TYPE bridge_")}
    shown = {name for name in shown if not name.endswith("_created")}
    assert len(shown) > 20
    assert {name for name in shown if f"| `{name}" not in DOCUMENTED} == set()
    assert rig.bridge.metric("bridge_received_total") == 30
    assert rig.bridge.metric("bridge_publish_seconds_count") >= 1
    assert rig.bridge.metric("bridge_delivery_seconds_count") >= 1
    assert rig.bridge.metric("bridge_connected") == rig.bridge.metric("bridge_ready") == 1


@pytest.mark.parametrize("words", ["broker: {url: nowhere}\n", "routes: [\n"])
def test_a_configuration_that_is_none_ends_it_with_2_and_every_problem_as_a_line(tmp_path: Path, words: str) -> None:
    (tmp_path / "bridge.yaml").write_text(words)
    done = bridge("run", "--config", str(tmp_path / "bridge.yaml"))
    assert done.returncode == 2
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["severity"] for line in lines} == {"CRITICAL"}
    assert all(f"{tmp_path}/bridge.yaml:" in line["message"] for line in lines)


def test_a_port_in_use_ends_it_with_2_and_names_the_flag(rig: Rig) -> None:
    rig.start()
    done = bridge(
        "run", "--config", str(rig.bridge.config), "--health_port", str(rig.bridge.health_port), "--log_format", "text"
    )
    assert done.returncode == 2
    assert "--health_port" in done.stderr
    assert "Traceback" not in done.stderr


def test_too_few_file_descriptors_end_it_with_2(rig: Rig) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    done = bridge("run", "--config", str(rig.bridge.config), "--log_format", "text", preexec_fn=few)
    assert done.returncode == 2
    assert "file descriptors" in done.stderr
    assert "ulimit" in done.stderr


def test_figures_are_pushed_to_cloud_monitoring_at_the_end_at_the_latest(rig: Rig) -> None:
    rig.start("--monitoring_project", "test-project", "--dataflow", "plant")
    rig.send(numbered(12))
    rig.settled()
    assert rig.bridge.terminate() == 0
    with channel("monitoring") as opened:
        call = opened.unary_unary(
            "/google.monitoring.v3.MetricService/ListTimeSeries",
            ListTimeSeriesRequest.serialize,
            ListTimeSeriesResponse.deserialize,
        )
        now = int(time.time())
        request = ListTimeSeriesRequest(
            name="projects/test-project",
            filter='metric.type = "custom.googleapis.com/iot_dataflows/bridge_received"',
            interval={"start_time": {"seconds": now - 300}, "end_time": {"seconds": now + 60}},
        )
        found = call(request, timeout=20).time_series
    assert [one.points[0].value.double_value for one in found] == [12.0]


def test_a_monitoring_that_hangs_holds_up_neither_messages_nor_the_end(rig: Rig) -> None:
    rig.cloud.faults.add(Fault(method="monitoring.*", action="hang"))
    rig.start("--monitoring_project", "test-project")
    rig.send(numbered(12))
    rig.arrived(numbered(12))
    began = time.monotonic()
    assert rig.bridge.terminate() == 0
    assert time.monotonic() - began < 10
