"""Cloud Run in documents: what is refused, and what people are told to do."""

from pathlib import Path
from typing import Any

import pytest

from director.strict import DocumentError
from tests.director.resources.plants import DIGEST, IMAGE, blueprint

SERVICE = {"name": "bridge", "image": IMAGE, "service": "bridge"}
JOB = {"name": "compact", "image": IMAGE, "service": "archive"}


def refused(folder: Path, kind: str, written: dict[str, Any]) -> str:
    with pytest.raises(DocumentError) as raised:
        blueprint(folder, **{kind: [written]})
    return str(raised.value)


@pytest.mark.parametrize(
    "image",
    ["bridge:1.4", "europe-west1-docker.pkg.dev/p/r/bridge:v2", f"bridge@{DIGEST}", f"host:5000/bridge:1@{DIGEST}"],
)
def test_an_image_has_a_digest_or_a_tag(tmp_path: Path, image: str) -> None:
    blueprint(tmp_path, cloud_run_services=[{**SERVICE, "image": image}])


@pytest.mark.parametrize("image", ["bridge", "bridge:latest", "host:5000/bridge", "bridge@sha256:12", "bridge:"])
def test_an_image_that_may_be_another_tomorrow_is_refused(tmp_path: Path, image: str) -> None:
    assert "IMAGE@sha256:DIGEST or a tag, not latest" in refused(
        tmp_path, "cloud_run_services", {**SERVICE, "image": image}
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"service": None}, "whose rights it has must be said once"),
        ({"service_account": "bridge-sa"}, "whose rights it has must be said once"),
        ({"service": "brigde"}, "no service 'brigde' here; did you mean 'bridge'?"),
        (
            {"service": None, "service_account": "1-compute@developer.gserviceaccount.com"},
            "is a default account, which may do far too much",
        ),
        ({"service": None, "service_account": "p@appspot.gserviceaccount.com"}, "is a default account"),
        ({"name": "Bridge"}, "is no Cloud Run service name"),
        ({"name": "x" * 50}, "1-49 lower-case letters"),
        ({"cpu": 3}, "Cloud Run has 1, 2, 4, 6 or 8 CPUs"),
        ({"memory": "512MB"}, "write memory such as 512Mi or 2Gi"),
        ({"cpu": 4}, "with 4 CPUs from 2048Mi to 16384Mi is allowed, not 512Mi"),
        ({"memory": "8Gi"}, "with 1 CPUs from 128Mi to 4096Mi"),
        ({"memory": "256Mi", "execution_environment": "gen2"}, "gen2 needs at least 512Mi"),
        ({"env": {"PORT": "1"}}, "PORT is set by Cloud Run itself"),
        ({"env": {"A-B": "1"}}, "A-B"),
        ({"env": {"A": "1"}, "secret_env": {"A": "projects/p-1/secrets/a"}}, "A is in env and in secret_env"),
        ({"vpc": {"egress": "all-traffic"}}, "network or subnetwork is needed"),
        ({"min_instances": 3, "max_instances": 2}, "min_instances is above max_instances"),
        ({"startup_probe": {"path": "/", "period": "10m"}}, "at most 240s"),
        (
            {"startup_probe": {"path": "/", "period": "10s", "failure_threshold": 25}},
            "240s at most to start",
        ),
        ({"timeout": "1500ms"}, "timeout: Cloud Run counts whole seconds; round it"),
        ({"liveness_probe": {"path": "/", "timeout": "20s"}}, "timeout is above period"),
        ({"liveness_probe": {"path": "/", "period": "1500ms"}}, "counts whole seconds"),
        ({"liveness_probe": {"path": "livez"}}, "must match"),
        ({"ingress": "public"}, "ingress"),
        ({"location": "europe-west99"}, "unknown region"),
        ({"description": "x" * 513}, "512"),
        ({"allow_unauthenticated": True}, "unknown key"),
    ],
)
def test_a_service_that_cannot_be_is_refused_with_what_to_do(tmp_path: Path, fields: Any, said: str) -> None:
    written = {name: value for name, value in {**SERVICE, **fields}.items() if value is not None}
    assert said in refused(tmp_path, "cloud_run_services", written)


@pytest.mark.parametrize(
    "fields",
    [
        {"env": {"MQTT_PASSWORD": "hunter2"}},
        {"env": {"DATABASE": "postgres://me:hunter2@host/db"}},
        {"secret_env": {"MQTT_PASSWORD": "hunter2"}},
        {"args": ["--password=hunter2"]},
        {"args": ["--verbose", "--mqtt-password", "hunter2"]},
        {"args": ["PASSWORD=hunter2"]},
        {"command": ["run", "redis://:hunter2@cache:6379"]},
    ],
)
@pytest.mark.parametrize(("kind", "written"), [("cloud_run_services", SERVICE), ("cloud_run_jobs", JOB)])
def test_a_secret_in_env_or_argv_is_refused_and_not_repeated(
    tmp_path: Path, kind: str, written: dict[str, Any], fields: Any
) -> None:
    said = refused(tmp_path, kind, {**written, **fields})
    assert "hunter2" not in said
    assert "secret" in said


@pytest.mark.parametrize("arguments", [["--password-file", "/run/secrets/p"], ["--token", "--verbose"], ["serve"]])
def test_arguments_that_only_speak_of_secrets_are_fine(tmp_path: Path, arguments: list[str]) -> None:
    blueprint(tmp_path, cloud_run_services=[{**SERVICE, "args": arguments}])


@pytest.mark.parametrize("cpu", [2, "2"])
def test_cpus_are_a_number_or_text(tmp_path: Path, cpu: Any) -> None:
    found = blueprint(tmp_path, cloud_run_services=[{**SERVICE, "cpu": cpu}])
    assert found.architecture.dataflows["air"].resources.cloud_run_services[0].cpu == "2"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Compact"}, "is no Cloud Run job name"),
        ({"tasks": 0}, "tasks"),
        ({"max_retries": 11}, "max_retries"),
        ({"timeout": "8d"}, "from 1s to 7d"),
        ({"timeout": "1500ms"}, "timeout: Cloud Run counts whole seconds; round it"),
        ({"execution_environment": "gen1"}, "jobs have gen2 alone"),
        ({"memory": "256Mi"}, "gen2 needs at least 512Mi, not 256Mi"),
        ({"port": 80}, "unknown key"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_what_to_do(tmp_path: Path, fields: Any, said: str) -> None:
    assert said in refused(tmp_path, "cloud_run_jobs", {**JOB, **fields})
