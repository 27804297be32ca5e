"""Cloud Run services, through Google's client: fields, rollouts that fail, and what becomes of the traffic."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import Conflict
from google.cloud.run_v2 import ServicesClient
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.cloud.run_v2.types import TrafficTargetAllocationType

from director.documents.loading import Blueprint
from director.keys import CLOUD_RUN_SERVICES
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.provisioning.waiting import OperationFailed, StillGoing
from director.resources.catalogue import providers, wanted
from director.resources.cloud_run_services import CloudRunServices
from director.resources.rollouts import LATEST
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import IMAGE, Recorder, blueprint, hasty, only

SERVICE = {"name": "bridge", "image": IMAGE, "service": "bridge"}
FULL: dict[str, Any] = {
    "name": "bridge",
    "image": IMAGE,
    "service_account": "edge-sa",
    "description": "MQTT to Pub/Sub",
    "location": "europe-west4",
    "labels": {"tier": "edge"},
    "command": ["/app/bridge"],
    "args": ["--config", "/etc/bridge.yaml"],
    "env": {"LOG_LEVEL": "info"},
    "secret_env": {"MQTT_PASSWORD": "projects/other/secrets/mqtt", "API_KEY": "projects/other/secrets/key/versions/3"},
    "cpu": 2,
    "memory": "1024Mi",
    "vpc": {"network": "default", "subnetwork": "edge", "egress": "all-traffic"},
    "execution_environment": "gen2",
    "port": 9090,
    "http2": True,
    "min_instances": 2,
    "max_instances": 5,
    "concurrency": 20,
    "timeout": "60s",
    "cpu_always_allocated": True,
    "ingress": "internal-and-cloud-load-balancing",
    "startup_probe": {"path": "/readyz", "period": "2s", "failure_threshold": 30},
    "liveness_probe": {"path": "/livez", "port": 9091, "initial_delay": "5s"},
}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(cloud: LocalCloud, recorder: Recorder) -> Any:
    channel = grpc.intercept_channel(grpc.insecure_channel(cloud.grpc_address), recorder)
    return ServicesClient(transport=ServicesGrpcTransport(channel=channel))


@pytest.fixture
def services(client: ServicesClient) -> CloudRunServices:
    return CloudRunServices(client, hasty())


def service(tmp_path: Path, **fields: Any) -> Wanted[Any]:
    return only(blueprint(tmp_path, cloud_run_services=[{**SERVICE, **fields}]), CLOUD_RUN_SERVICES)


def again(one: Wanted[Any], **fields: Any) -> Wanted[Any]:
    return replace(one, state=replace(one.state, **fields))


def applied(services: CloudRunServices, one: Wanted[Any]) -> None:
    observed = services.observe(one)
    if observed is None:
        services.create(one)
    else:
        services.update(one, observed, change(one, observed).fields)


def state(services: CloudRunServices, one: Wanted[Any]) -> Any:
    observed = services.observe(one)
    assert observed is not None
    return observed.state


def test_a_created_service_is_as_wanted_with_every_field(services: CloudRunServices, tmp_path: Path) -> None:
    one = only(blueprint(tmp_path, cloud_run_services=[FULL]), CLOUD_RUN_SERVICES)
    assert services.observe(one) is None
    services.create(one)
    observed = services.observe(one)
    assert observed is not None
    assert observed.state == one.state
    assert observed.owner == one.owner
    assert change(one, observed).action == "none"
    assert services.survey([one]) == {one.full_name: observed}


def test_what_a_document_leaves_out_is_safe_and_the_rest_is_left_to_cloud_run(
    services: CloudRunServices, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    live = state(services, one)
    assert (live.ingress, live.iam_checked, live.min_instances) == ("internal", True, 0)
    assert live.service_account == f"bridge-sa@{one.full_name.split('/')[1]}.iam.gserviceaccount.com"
    assert (live.concurrency, live.timeout, live.max_instances) == (80, 300, 100)
    assert change(one, services.observe(one)).action == "none"


def test_a_service_that_consumes_has_cpu_always_and_one_instance(tmp_path: Path) -> None:
    resources = {
        "topics": [{"name": "readings"}],
        "subscriptions": [
            {
                "name": "readings-archive",
                "topic": "readings",
                "consumer_service": {"name": "archive", "lookup": {"key": "subscription"}},
            }
        ],
        "cloud_run_services": [{**SERVICE, "service": "archive"}, {**SERVICE, "name": "other"}],
    }
    consumer, other = (one for one in wanted(blueprint(tmp_path, **resources), "air") if one.kind == CLOUD_RUN_SERVICES)
    assert (consumer.state.cpu_always_allocated, consumer.state.min_instances) == (True, 1)
    assert (other.state.cpu_always_allocated, other.state.min_instances) == (False, 0)
    assert consumer.services == {"archive"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", IMAGE.replace("0123", "3210")),
        ("service_account", "other-sa@plant.iam.gserviceaccount.com"),
        ("command", ("/bin/other",)),
        ("args", ()),
        ("env", {"LOG_LEVEL": "debug", "MORE": "1"}),
        ("secret_env", {}),
        ("cpu", "4"),
        ("memory", "4Gi"),
        ("execution_environment", "gen1"),
        ("description", "other words"),
        ("port", 8081),
        ("http2", False),
        ("min_instances", 3),
        ("max_instances", 7),
        ("concurrency", 30),
        ("timeout", 90),
        ("cpu_always_allocated", False),
        ("ingress", "all"),
    ],
)
def test_every_field_drifts_and_is_put_right_alone(
    services: CloudRunServices, tmp_path: Path, field: str, value: Any
) -> None:
    one = only(
        blueprint(tmp_path, cloud_run_services=[{**FULL, "memory": "2Gi", "liveness_probe": {"path": "/livez"}}]),
        CLOUD_RUN_SERVICES,
    )
    services.create(one)
    changed = again(one, **{field: value})
    observed = services.observe(changed)
    assert observed is not None
    fields = change(changed, observed).fields
    assert field in fields
    assert fields - {field} <= {"liveness_probe", "startup_probe"}  # they follow the port
    services.update(changed, observed, fields)
    assert getattr(state(services, changed), field) == value


def test_what_a_document_cannot_say_survives_an_update(
    services: CloudRunServices, client: ServicesClient, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    live = client.get_service(name=one.full_name)
    live.annotations["run/note"] = "mine"
    live.labels["cost"] = "x"
    live.template.session_affinity = True
    live.template.containers.append({"name": "sidecar", "image": "side:1"})
    client.update_service(service=live).result(timeout=10)
    applied(services, again(one, env={"A": "1"}))
    live = client.get_service(name=one.full_name)
    assert (live.annotations["run/note"], live.labels["cost"]) == ("mine", "x")
    assert live.template.session_affinity
    assert [container.image for container in live.template.containers] == [IMAGE, "side:1"]


def test_a_service_that_was_opened_to_everybody_is_closed_again(
    services: CloudRunServices, client: ServicesClient, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    live = client.get_service(name=one.full_name)
    live.invoker_iam_disabled, live.ingress = True, 1
    client.update_service(service=live).result(timeout=10)
    assert change(one, services.observe(one)).fields == {"iam_checked", "ingress"}
    applied(services, one)
    assert change(one, services.observe(one)).action == "none"


def test_a_secret_that_somebody_put_in_env_is_not_shown(
    services: CloudRunServices, client: ServicesClient, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    live = client.get_service(name=one.full_name)
    live.template.containers[0].env = [{"name": "DB_PASSWORD", "value": "hunter2"}]
    live.template.containers[0].args = ["--token=s3cret"]
    client.update_service(service=live).result(timeout=10)
    observed = services.observe(one)
    todo = change(one, observed)
    assert "env: remove DB_PASSWORD" in todo.reasons
    assert "hunter2" not in f"{todo}{observed and observed.state}"
    assert "s3cret" not in f"{todo}{observed and observed.state}"


def test_a_new_service_that_never_turns_ready_is_a_failure_with_googles_reason(
    services: CloudRunServices, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = service(tmp_path)
    cloud.faults.add(Fault(method="run.revisions.ready", message="The container failed to listen on PORT=8080."))
    with pytest.raises(OperationFailed, match=r"failed to listen on PORT=8080.*serves nothing"):
        services.create(one)
    assert change(one, services.observe(one)).fields == {"ready"}


def test_a_rollout_that_fails_is_reported_and_its_traffic_pinned_to_the_last_ready_revision(
    services: CloudRunServices, client: ServicesClient, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    good = client.get_service(name=one.full_name).latest_ready_revision.rpartition("/")[2]
    cloud.faults.add(Fault(method="run.revisions.ready", marker="BROKEN", message="It crashed."))
    broken = again(one, env={"BROKEN": "1"})
    with pytest.raises(OperationFailed, match=rf"It crashed.*pinned to {good}"):
        applied(services, broken)
    live = client.get_service(name=one.full_name)
    assert [(target.revision, target.percent) for target in live.traffic_statuses] == [(good, 100)]
    assert [(target.revision, target.percent) for target in live.traffic] == [(good, 100)]
    todo = change(broken, services.observe(broken))
    assert todo.fields == {"ready", "traffic"}
    assert f"traffic: 100 % to {good} -> latest" in todo.reasons


def test_the_apply_after_a_failed_rollout_makes_another_revision_and_follows_the_latest(
    services: CloudRunServices, client: ServicesClient, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    number = cloud.faults.add(Fault(method="run.revisions.ready", marker="BROKEN"))
    broken = again(one, env={"BROKEN": "1"})
    with pytest.raises(OperationFailed):
        applied(services, broken)
    cloud.faults.remove(number)
    applied(services, broken)
    live = client.get_service(name=one.full_name)
    assert live.latest_ready_revision.rpartition("/")[2].startswith("bridge-00004")  # the pinning was a change as well
    assert live.traffic_statuses[0].revision == live.latest_ready_revision.rpartition("/")[2]
    assert state(services, broken).traffic == LATEST
    assert change(broken, services.observe(broken)).action == "none"


def test_traffic_that_could_not_be_pinned_is_said(
    services: CloudRunServices, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    cloud.faults.add(Fault(method="run.revisions.ready", marker="BROKEN"))
    broken = again(one, env={"BROKEN": "1"})
    observed = services.observe(broken)
    assert observed is not None
    cloud.faults.add(Fault(method="run.GetService", code="PERMISSION_DENIED", message="no more looks"))
    with pytest.raises(OperationFailed, match=r"could not be pinned.*no more looks"):
        services.update(broken, observed, frozenset({"env"}))


def test_a_rollout_that_outlasts_the_budget_is_told_and_waited_for_by_the_next_apply(
    client: ServicesClient, cloud: LocalCloud, tmp_path: Path, recorder: Recorder
) -> None:
    one = service(tmp_path)
    number = cloud.faults.add(Fault(method="run.CreateService.finish", action="hang"))
    with pytest.raises(StillGoing, match="not done after"):
        CloudRunServices(client, hasty(0.2)).create(one)
    services = CloudRunServices(client, hasty())
    observed = services.observe(one)
    todo = change(one, observed)
    assert todo.reasons == ("ready: rolling out -> ready",)
    cloud.faults.remove(number)
    assert observed is not None
    services.update(one, observed, todo.fields)
    assert change(one, services.observe(one)).action == "none"
    assert not recorder.bodies("UpdateService")


def test_an_update_across_anothers_is_decided_anew(
    services: CloudRunServices, client: ServicesClient, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    changed = again(one, env={"A": "1"})
    observed = services.observe(changed)
    assert observed is not None
    live = client.get_service(name=one.full_name)
    live.labels["other"] = "was-here"
    client.update_service(service=live).result(timeout=10)
    with pytest.raises(Conflict, match="changed meanwhile"):
        services.update(changed, observed, frozenset({"env"}))


def test_a_deleted_service_is_gone(services: CloudRunServices, tmp_path: Path) -> None:
    one = service(tmp_path)
    services.create(one)
    assert services.holding(one, frozenset()) is None
    services.delete(one)
    assert services.observe(one) is None


def test_its_accounts_and_secrets_come_first(tmp_path: Path) -> None:
    one = only(blueprint(tmp_path, cloud_run_services=[FULL]), CLOUD_RUN_SERVICES)
    project = one.full_name.split("/")[1]
    assert set(one.needs) == {
        ("service_accounts", f"edge-sa@{project}.iam.gserviceaccount.com"),
        ("secrets", "projects/other/secrets/mqtt"),
        ("secrets", "projects/other/secrets/key"),
    }


def test_every_request_is_one_that_cloud_run_understands(
    services: CloudRunServices, recorder: Recorder, tmp_path: Path
) -> None:
    one = only(blueprint(tmp_path, cloud_run_services=[FULL]), CLOUD_RUN_SERVICES)
    services.create(one)
    applied(services, again(one, env={"A": "1"}))
    sent = [body_of(request.service) for request in recorder.bodies("CreateService", "UpdateService")]
    assert len(sent) == 2
    assert [found for body in sent for found in complaints("run.v2", "GoogleCloudRunV2Service", body)] == []


def test_two_applies_through_the_loop_and_one_lost_answer(
    clients: Clients, cloud: LocalCloud, retries: Retries, tmp_path: Path
) -> None:
    found: Blueprint = blueprint(tmp_path, cloud_run_services=[SERVICE, {**SERVICE, "name": "second"}])
    resources = wanted(found, "air")
    cloud.faults.add(Fault(method="run.CreateService", when="after", calls=1))
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
        assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}


def test_the_loop_reports_a_failed_rollout_as_a_failure_and_does_not_repeat_it(
    cloud: LocalCloud, retries: Retries, tmp_path: Path
) -> None:
    found: Blueprint = blueprint(tmp_path, cloud_run_services=[SERVICE])
    number = cloud.faults.add(Fault(method="run.revisions.ready", message="It crashed."))
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        (outcome,) = loop.apply(wanted(found, "air"))
        assert (outcome.result, outcome.good) == ("failed", False)
        assert "It crashed." in outcome.reason
        assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1
        cloud.faults.remove(number)
        assert [outcome.result for outcome in loop.apply(wanted(found, "air"))] == ["updated"]


def test_traffic_is_pinned_although_the_last_ready_revision_has_an_address_of_its_own(
    services: CloudRunServices, client: ServicesClient, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = service(tmp_path)
    services.create(one)
    live = client.get_service(name=one.full_name)
    good = live.latest_ready_revision.rpartition("/")[2]
    by_name = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    live.traffic = [*live.traffic, {"type_": by_name, "revision": good, "tag": "stable"}]
    client.update_service(service=live).result(timeout=10)
    cloud.faults.add(Fault(method="run.revisions.ready", marker="BROKEN", message="It crashed."))
    with pytest.raises(OperationFailed, match=rf"its traffic is pinned to {good}"):
        applied(services, again(one, env={"BROKEN": "1"}))
    assert [target.tag for target in client.get_service(name=one.full_name).traffic] == ["", "stable"]


@pytest.mark.parametrize("said", [{"subnetwork": "edge"}, {"network": "plant"}])
def test_the_network_that_cloud_run_finds_by_itself_is_no_drift(
    services: CloudRunServices, client: ServicesClient, tmp_path: Path, said: dict[str, str]
) -> None:
    one = service(tmp_path, vpc=said)
    services.create(one)
    live = client.get_service(name=one.full_name)
    live.template.vpc_access.network_interfaces[0] = {"network": "plant", "subnetwork": "edge"}
    client.update_service(service=live).result(timeout=10)
    assert change(one, services.observe(one)).action == "none"
    for another in (dict.fromkeys(said, "other"), {**said, "egress": "all-traffic"}):
        other = service(tmp_path, vpc=another)
        drifted = change(replace(one, state=replace(one.state, vpc=other.state.vpc)), services.observe(one))
        assert drifted.fields == {"vpc"}
