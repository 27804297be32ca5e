"""Services and revisions of Cloud Run, through Google's own clients."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.run_v2 import RevisionsClient, ServicesClient
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from google.iam.v1.policy_pb2 import Binding, Policy

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.localcloud.run.parts import parent, service


@pytest.fixture
def channel(cloud: LocalCloud) -> Iterator[Any]:
    with grpc.insecure_channel(cloud.grpc_address) as opened:
        yield opened


@pytest.fixture
def client(channel: Any) -> ServicesClient:
    return ServicesClient(transport=ServicesGrpcTransport(channel=channel))


@pytest.fixture
def revisions(channel: Any) -> RevisionsClient:
    return RevisionsClient(transport=RevisionsGrpcTransport(channel=channel))


def made(client: ServicesClient, **fields: Any) -> Any:
    begun = client.create_service(parent=parent(), service_id="bridge", service={**service(), **fields})
    return begun.result(timeout=10)


def updated(client: ServicesClient, live: Any, **request: Any) -> Any:
    return client.update_service({"service": live, **request}).result(timeout=10)


def short(revision: str) -> str:
    return revision.rpartition("/")[2]


def test_a_service_is_complete_ready_and_serves_its_first_revision(client: ServicesClient) -> None:
    live = made(client)
    assert live.terminal_condition.state.name == "CONDITION_SUCCEEDED"
    assert live.generation == live.observed_generation == 1
    assert not live.reconciling
    assert live.latest_ready_revision == live.latest_created_revision
    assert [(each.revision, each.percent) for each in live.traffic_statuses] == [
        (short(live.latest_ready_revision), 100)
    ]
    assert live.uri.startswith("https://bridge-")


def test_what_is_left_out_is_filled_in_as_cloud_run_does(client: ServicesClient) -> None:
    template = made(client).template
    assert template.service_account.endswith("-compute@developer.gserviceaccount.com")
    assert (template.max_instance_request_concurrency, template.timeout.total_seconds()) == (80, 300)
    assert dict(template.containers[0].resources.limits) == {"cpu": "1000m", "memory": "512Mi"}
    assert template.containers[0].resources.cpu_idle
    assert template.containers[0].ports[0].container_port == 8080


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"template": {}}, "containers"),
        (service(image=""), "image"),
        (service(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), "given twice"),
        (service(env=[{"name": "PORT", "value": "1"}]), "reserved"),
        (service(resources={"limits": {"cpu": "3"}}), "cpu"),
        (service(resources={"limits": {"cpu": "4", "memory": "512Mi"}}), "2048Mi"),
        (service(ports=[{"container_port": 70_000}]), "ports"),
        (service(startup_probe={"http_get": {"path": "/"}, "period_seconds": 500}), "240"),
        (service(liveness_probe={"period_seconds": 5}), "one of http_get"),
        ({**service(), "labels": {"run.googleapis.com/x": "y"}}, "namespace"),
        ({**service(), "traffic": [{"type_": 1, "percent": 50}]}, "add up to 100"),
        ({**service(), "description": "x" * 513}, "512"),
    ],
)
def test_what_cloud_run_would_not_take_is_refused(client: ServicesClient, wrong: Any, said: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=said):
        client.create_service(parent=parent(), service_id="bridge", service=wrong)


@pytest.mark.parametrize("name", ["Bridge", "1bridge", "bridge-", "x" * 50])
def test_names_that_are_illegal_are_refused(client: ServicesClient, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="service_id"):
        client.create_service(parent=parent(), service_id=name, service=service())
    with pytest.raises(exceptions.InvalidArgument, match="projects/PROJECT/locations"):
        client.create_service(parent="projects/p", service_id="bridge", service=service())


def test_a_name_is_given_once(client: ServicesClient) -> None:
    live = made(client)
    with pytest.raises(exceptions.AlreadyExists):
        client.create_service(parent=live.name.partition("/services/")[0], service_id="bridge", service=service())


def test_validating_makes_nothing(client: ServicesClient) -> None:
    place = parent()
    request = {"parent": place, "service_id": "bridge", "service": service(), "validate_only": True}
    client.create_service(request=request).result(timeout=10)
    absent = {**service(), "name": f"{place}/services/bridge"}
    client.update_service(request={"service": absent, "allow_missing": True, "validate_only": True}).result(timeout=10)
    assert not list(client.list_services(parent=place))


def test_another_template_makes_another_revision_and_anything_else_does_not(
    client: ServicesClient, revisions: RevisionsClient
) -> None:
    live = made(client)
    live.labels["a"] = "b"
    live = updated(client, live)
    assert len(list(revisions.list_revisions(parent=live.name))) == 1
    live.template.containers[0].image = "x:2"
    live = updated(client, live)
    newest, oldest = revisions.list_revisions(parent=live.name)
    assert [newest.containers[0].image, oldest.containers[0].image] == ["x:2", "x:1"]
    assert live.latest_ready_revision == newest.name
    assert revisions.get_revision(name=newest.name).conditions[0].state.name == "CONDITION_SUCCEEDED"


def test_an_update_without_a_mask_replaces_what_callers_set_and_with_one_only_that(client: ServicesClient) -> None:
    live = made(client, description="first", labels={"a": "b"})
    masked = updated(client, {"name": live.name, "description": "second"}, update_mask={"paths": ["description"]})
    assert (masked.description, dict(masked.labels)) == ("second", {"a": "b"})
    live = updated(client, {"name": live.name, **service()})
    assert (live.description, dict(live.labels)) == ("", {})
    with pytest.raises(exceptions.InvalidArgument, match="uid cannot be updated"):
        client.update_service({"service": {"name": live.name}, "update_mask": {"paths": ["uid"]}})


def test_an_update_of_an_older_version_is_refused(client: ServicesClient) -> None:
    live = made(client)
    updated(client, {"name": live.name, "description": "other", **service()})
    live.description = "mine"
    with pytest.raises(exceptions.Aborted, match="etag"):
        client.update_service(service=live)


def test_a_revision_that_never_turns_ready_fails_the_operation_and_leaves_the_traffic(
    client: ServicesClient, revisions: RevisionsClient, cloud: LocalCloud
) -> None:
    live = made(client)
    good = live.latest_ready_revision
    cloud.faults.add(Fault(method="run.revisions.ready", marker="x:2", message="It does not listen."))
    live.template.containers[0].image = "x:2"
    with pytest.raises(exceptions.FailedPrecondition, match=r"is not ready and cannot serve traffic\. It does not"):
        client.update_service(service=live).result(timeout=10)
    live = client.get_service(name=live.name)
    assert live.terminal_condition.state.name == "CONDITION_FAILED"
    assert live.terminal_condition.reason.name == "REVISION_FAILED"
    assert (live.latest_ready_revision, live.observed_generation, live.generation) == (good, 1, 2)
    assert live.latest_created_revision != good
    assert live.traffic_statuses[0].revision == short(good)
    failed = revisions.get_revision(name=live.latest_created_revision)
    assert failed.conditions[0].revision_reason.name == "HEALTH_CHECK_CONTAINER_ERROR"


def test_traffic_goes_to_a_revision_by_name(client: ServicesClient) -> None:
    live = made(client)
    first = short(live.latest_ready_revision)
    live.template.containers[0].image = "x:2"
    live = updated(client, live)
    live.traffic = [{"type_": 2, "revision": first, "percent": 100}]
    assert updated(client, live).traffic_statuses[0].revision == first
    live = client.get_service(name=live.name)
    live.traffic = [{"type_": 2, "revision": "bridge-none", "percent": 100}]
    with pytest.raises(exceptions.InvalidArgument, match="does not exist"):
        client.update_service(service=live)


def test_a_revision_named_by_its_template_must_be_new(client: ServicesClient) -> None:
    live = made(client)
    live.template.revision = "bridge-blue"
    live = updated(client, live)
    assert short(live.latest_ready_revision) == "bridge-blue"
    live.template.containers[0].image = "x:2"
    with pytest.raises(exceptions.AlreadyExists, match="bridge-blue"):
        client.update_service(service=live)


def test_a_rollout_that_another_overtook_says_so(client: ServicesClient, cloud: LocalCloud) -> None:
    live = made(client)
    number = cloud.faults.add(Fault(method="run.UpdateService.finish", action="hang"))
    live.description = "one"
    first = client.update_service(service=live)
    assert client.get_service(name=live.name).reconciling
    second = client.update_service(service={"name": live.name, **service()})
    cloud.faults.remove(number)
    second.result(timeout=10)
    with pytest.raises(exceptions.Aborted, match="changed again"):
        first.result(timeout=10)


def test_a_revision_that_serves_or_is_the_latest_stays(client: ServicesClient, revisions: RevisionsClient) -> None:
    live = made(client)
    old = live.latest_ready_revision
    with pytest.raises(exceptions.FailedPrecondition, match="serves traffic"):
        revisions.delete_revision(name=old)
    live.template.containers[0].image = "x:2"
    updated(client, live)
    revisions.delete_revision(name=old).result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        revisions.get_revision(name=old)


def test_a_deleted_service_is_gone_with_its_revisions(client: ServicesClient, revisions: RevisionsClient) -> None:
    live = made(client)
    client.delete_service(name=live.name).result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        client.get_service(name=live.name)
    assert not list(revisions.list_revisions(parent=live.name))


def test_lists_come_in_pages_newest_first(client: ServicesClient) -> None:
    place = parent()
    for name in ("a", "b", "c"):
        client.create_service(parent=place, service_id=name, service=service()).result(timeout=10)
    listed = client.list_services(request={"parent": place, "page_size": 2})
    assert [short(each.name) for each in listed] == ["c", "b", "a"]


def test_a_policy_belongs_to_the_service_and_goes_with_it(client: ServicesClient) -> None:
    live = made(client)
    policy = Policy(bindings=[Binding(role="roles/run.invoker", members=["user:a@example.com"])])
    client.set_iam_policy(request={"resource": live.name, "policy": policy})
    assert client.get_iam_policy(request={"resource": live.name}).bindings[0].role == "roles/run.invoker"
    allowed = client.test_iam_permissions(request={"resource": live.name, "permissions": ["run.routes.invoke"]})
    assert list(allowed.permissions) == ["run.routes.invoke"]
    client.delete_service(name=live.name).result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        client.get_iam_policy(request={"resource": live.name})
