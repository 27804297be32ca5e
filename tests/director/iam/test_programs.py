"""What programs on Cloud Run and Dataflow need beyond their links, and no more than that."""

import json
from typing import Any

import pytest

from director import keys
from director.documents.loading import load_texts
from director.documents.model import Architecture
from director.iam.bindings import PROJECTS, Binding
from director.iam.links import bindings, needs_number

PROJECT, REGION = "plant-project", "europe-west1"
BRIDGE = {"service_account": "bridge-sa", "dependencies": ["registry"]}
REGISTRY = {"service_account": "registry-sa"}
IMAGE = "europe-docker.pkg.dev/plant-project/images/program:1.0"


def architecture(services: dict[str, Any], top: dict[str, Any] | None = None, **resources: list[Any]) -> Architecture:
    flow = {"services": services, "resources": resources}
    document = {"name": "plant", "project_id": PROJECT, "region": REGION, "location": "EU", "dataflows": {"air": flow}}
    return load_texts({"hub.json": json.dumps(document | (top or {}))}, "hub.json").architecture


def found(services: dict[str, Any], top: dict[str, Any] | None = None, **resources: list[Any]) -> list[Binding]:
    return list(bindings(architecture(services, top, **resources), "42"))


def on_cloud_run(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": IMAGE, **more}


def called(services: dict[str, Any], *programs: dict[str, Any], **top: Any) -> list[tuple[str, str, str]]:
    """Who may call what."""
    return [
        (one.role, one.name, one.member.removeprefix("serviceAccount:"))
        for one in found(services, top, cloud_run_services=list(programs))
    ]


def invoker(name: str, account: str, location: str = REGION) -> tuple[str, str, str]:
    of_project = account if "@" in account else f"{account}@{PROJECT}.iam.gserviceaccount.com"
    return "roles/run.invoker", keys.cloud_run_service(PROJECT, location, name)[1], of_project


SERVICES = {"bridge": BRIDGE, "registry": REGISTRY}


def test_a_service_calls_what_it_depends_on_where_both_say_that_they_run_them() -> None:
    programs = on_cloud_run("mqtt-bridge", service="bridge"), on_cloud_run("devices", service="registry")
    assert called(SERVICES, *programs) == [invoker("devices", "bridge-sa")]


def test_a_program_runs_the_service_of_its_name_with_an_account_of_its_own() -> None:
    away = "runs@far.iam.gserviceaccount.com"
    calling = on_cloud_run("bridge", service_account=away)
    needed = on_cloud_run("registry", service_account="registry-sa", location="europe-west4")
    assert called(SERVICES, calling, needed) == [invoker("registry", away, "europe-west4")]


def test_a_program_that_runs_another_service_is_not_the_one_of_its_name() -> None:
    programs = on_cloud_run("bridge", service="bridge"), on_cloud_run("registry", service="bridge")
    assert called(SERVICES, *programs) == []


def test_a_suffix_of_names_changes_nothing_about_who_calls_whom() -> None:
    programs = (on_cloud_run(name, service_account=f"{name}-sa") for name in SERVICES)
    assert called(SERVICES, *programs, name_suffix="test") == [invoker("registry-test", "bridge-sa-test")]


@pytest.mark.parametrize("only", ["bridge", "registry"])
def test_where_only_one_of_the_two_is_on_cloud_run_nothing_is_granted(only: str) -> None:
    assert called(SERVICES, on_cloud_run(only, service=only)) == []


def test_a_scheduler_job_may_call_the_service_that_it_targets() -> None:
    job = {"name": "nightly", "schedule": "0 3 * * *", "target_service": "registry"}
    others = job | {"name": "hourly", "service_account": "calls@plant-project.iam.gserviceaccount.com"}
    granted = found(
        {"registry": REGISTRY},
        cloud_run_services=[on_cloud_run("devices", service="registry")],
        cloud_scheduler_jobs=[job, others],
    )
    assert [(one.role, one.name, one.member.partition(":")[2]) for one in granted] == [
        invoker("devices", "calls"),
        invoker("devices", "nightly-sa"),
    ]
    assert granted[1].reasons == ("air's scheduler job nightly calls registry",)


def test_what_a_scheduler_job_calls_by_address_or_off_cloud_run_is_not_known_here() -> None:
    http = {"uri": "https://example.com/", "service_account": "calls-sa"}
    jobs = [
        {"name": "nightly", "schedule": "0 3 * * *", "target_service": "registry"},
        {"name": "hourly", "schedule": "0 * * * *", "http": http},
    ]
    assert found({"registry": REGISTRY}, cloud_scheduler_jobs=jobs) == []


def test_a_secret_that_a_service_and_its_program_both_read_is_one_binding() -> None:
    variable = {"name": "PASSWORD", "value_from": "mqtt/versions/3"}
    bridge = {"service_account": "bridge-sa", "deployment": {"secret_environment_vars": [variable]}}
    secret = f"projects/{PROJECT}/secrets/mqtt/versions/latest"
    program = on_cloud_run("mqtt-bridge", service="bridge", secret_env={"MQTT": secret})
    [read] = found({"bridge": bridge}, cloud_run_services=[program])
    assert read.resource == keys.secret(PROJECT, "mqtt")
    assert read.role == "roles/secretmanager.secretAccessor"
    assert read.reasons == (
        "air's mqtt-bridge on Cloud Run reads it as its variable MQTT",
        "air/bridge reads it as its variable PASSWORD",
    )


def job(**more: Any) -> dict[str, Any]:
    return {"name": "enrichment", "service_account": "work-sa", "template": "gs://plant-templates/t.json", **more}


def test_workers_have_their_role_on_the_project_and_their_files_in_buckets_of_the_dataflow() -> None:
    folders = {"temp_location": "gs://plant-files/tmp", "staging_location": "gs://far-away/staging"}
    granted = found({}, dataflow_jobs=[job(**folders)], gcs_buckets=[{"name": "plant-files"}, {"name": "plant-more"}])
    worker = f"serviceAccount:work-sa@{PROJECT}.iam.gserviceaccount.com"
    assert [(one.resource, one.grant) for one in granted] == [
        (keys.bucket("plant-files"), ("roles/storage.objectUser", worker)),
        ((PROJECTS, PROJECT), ("roles/dataflow.worker", worker)),
    ]


def test_a_job_that_names_no_folders_is_given_none() -> None:
    assert {one.kind for one in found({}, dataflow_jobs=[job()], gcs_buckets=[{"name": "plant-files"}])} == {PROJECTS}


def test_the_number_of_the_project_is_asked_for_where_secrets_are_reminded_of() -> None:
    reminded = {"name": "token", "create": True, "rotation": {"topic": "reminders", "period": "30d"}}
    topics = [{"name": "reminders", "message_retention_duration": "1d"}]
    assert needs_number(architecture({}, topics=topics, secrets=[reminded]))
    assert not needs_number(architecture({}, topics=topics, secrets=[{"name": "token", "create": True}]))
