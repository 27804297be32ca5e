"""A secret is read from where a document says it is, and shown nowhere."""

import base64
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport

from director import logs, secrets
from director.documents.inline_secrets import inline_secrets
from director.endpoints import channel
from director.secrets import SecretReference
from director.strict import DocumentError, Strict, parse
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

VALUE = "hunter2-must-not-be-shown"


class Settings(Strict):
    password: SecretReference


def failure(**place: str) -> str:
    with pytest.raises(OSError) as raised:
        SecretReference(**place).read()
    assert VALUE not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[SecretManagerServiceClient]:
    with channel("secretmanager") as opened:
        yield SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=opened))


@pytest.fixture
def secret(client: SecretManagerServiceClient) -> str:
    """A secret of two versions."""
    request = {"parent": f"projects/p-{uuid.uuid4().hex[:8]}", "secret_id": "mqtt", "secret": {"replication": {}}}
    name = client.create_secret(request=request).name
    for data in (b"the first", f"{VALUE}\n".encode()):
        client.add_secret_version(parent=name, payload={"data": data})
    return name


def test_a_file_holds_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f" {VALUE} \r\n")
    reference = SecretReference(file=str(file))
    assert reference.read() == f" {VALUE} "
    file.write_text("rotated\n")
    assert reference.read() == "rotated"


def test_an_environment_variable_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", VALUE)
    assert SecretReference(env="MQTT_PASSWORD").read() == VALUE


def test_secret_manager_holds_it(secret: str) -> None:
    assert SecretReference(secret=secret).read() == VALUE
    assert SecretReference(secret=f"{secret}/versions/latest").read() == VALUE
    assert SecretReference(secret=f"{secret}/versions/1").read() == "the first"


def test_a_document_names_exactly_one_place() -> None:
    for wrong in ({}, {"file": "a", "env": "b"}, {"file": "a", "env": "b", "secret": "projects/p/secrets/s"}):
        with pytest.raises(DocumentError, match="name exactly one place: file, env or secret"):
            parse({"password": wrong}, Settings)


@pytest.mark.parametrize("place", ["file", "env", "secret"])
def test_a_secret_written_where_its_place_belongs_is_refused_and_not_repeated(place: str) -> None:
    for text in ("", f"{VALUE}\0"):
        with pytest.raises(DocumentError) as refused:
            parse({"password": {place: text}}, Settings)
        assert VALUE not in str(refused.value)
        with pytest.raises(ValueError) as direct:
            SecretReference(**{place: text})
        assert VALUE not in str(direct.value)


@pytest.mark.parametrize(
    "name", ["s", "projects/p/secrets/a b", "projects/p/secrets/s/versions/", "projects/p/locations/l/secrets/s"]
)
def test_only_names_of_global_secrets_are_taken(name: str) -> None:
    with pytest.raises(ValueError, match="write projects/PROJECT/secrets/SECRET"):
        SecretReference(secret=name)


def test_a_reference_is_no_secret_in_a_document() -> None:
    for place in ({"file": "/run/secrets/mqtt"}, {"env": "MQTT_PASSWORD"}, {"secret": "projects/p/secrets/s"}):
        assert list(inline_secrets({"password": place})) == []


def test_neither_repr_nor_text_shows_more_than_the_place(secret: str, tmp_path: Path) -> None:
    reference = SecretReference(secret=secret)
    reference.read()
    assert repr(reference) == f"SecretReference(file=None, env=None, secret='{secret}')"
    assert str(reference) == f"secret {secret}/versions/latest"
    assert str(SecretReference(file="/a")) == "file /a"
    assert str(SecretReference(env="A")) == "environment variable A"


def test_a_log_that_asks_for_everything_does_not_get_it(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    loggers = [logging.getLogger(name) for name in ("google", "grpc")]
    kept = [(each.level, each.propagate) for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
        each.propagate = True
    try:
        with caplog.at_level(logging.DEBUG):
            assert SecretReference(secret=secret).read() == VALUE
    finally:
        for each, (level, propagate) in zip(loggers, kept, strict=True):
            each.setLevel(level)
            each.propagate = propagate
    logged = repr([record.__dict__ for record in caplog.records])
    assert VALUE not in logged
    assert base64.b64encode(VALUE.encode()).decode()[:-4] not in logged


def test_once_read_it_is_masked_in_every_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "correct horse battery")
    SecretReference(env="BROKER_PASSWORD").read()
    record = logging.makeLogRecord({"msg": "tried %s in vain", "args": ("correct horse battery",)})
    shown = logs.formatter("bridge", "text", sys.stderr).format(record)
    assert "tried *** in vain" in shown


def test_a_place_that_holds_nothing_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tmp_path / "absent"
    assert failure(file=str(absent)) == (
        f"file {absent} cannot be read: No such file or directory; name a file this user may read"
    )
    assert "Is a directory" in failure(file=str(tmp_path))
    monkeypatch.delenv("MQTT_PASSWORD", raising=False)
    assert failure(env="MQTT_PASSWORD") == "environment variable MQTT_PASSWORD is not set; set it, or name another"
    monkeypatch.setenv("MQTT_PASSWORD", "\n")
    assert failure(env="MQTT_PASSWORD") == "environment variable MQTT_PASSWORD is empty; put the secret there"


def test_what_is_no_text_or_too_much_of_it_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for content, complaint in (
        (VALUE.encode() + b"\xff", "is not UTF-8 text"),
        (VALUE.encode() * 10_000, "is larger than 65,536 bytes"),
    ):
        file.write_bytes(content)
        with pytest.raises(OSError, match=complaint) as refused:
            SecretReference(file=str(file)).read()
        assert refused.value.__cause__ is None
        assert VALUE not in str(refused.value)


def test_a_version_that_is_absent_or_disabled_says_so(client: SecretManagerServiceClient, secret: str) -> None:
    assert "create the secret and a version of it, or correct the name" in failure(secret=f"{secret}-other")
    assert "not found" in failure(secret=f"{secret}/versions/3")
    client.disable_secret_version(name=f"{secret}/versions/2")
    told = failure(secret=secret)
    assert told.startswith(f"secret {secret}/versions/latest cannot be read: ")
    assert "is in DISABLED state" in told
    assert told.endswith("enable that version, or name another")


def test_without_the_right_the_role_is_named(cloud: LocalCloud, secret: str) -> None:
    cloud.faults.add(Fault(method="secretmanager.*", code="PERMISSION_DENIED"))
    assert "roles/secretmanager.secretAccessor" in failure(secret=secret)
    cloud.faults.clear()
    cloud.faults.add(Fault(method="secretmanager.*", code="UNAUTHENTICATED"))
    assert failure(secret=secret).endswith("give this process Google credentials")


def test_a_passing_failure_is_tried_again_for_a_while(
    cloud: LocalCloud, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.faults.add(Fault(method="secretmanager.AccessSecretVersion", code="UNAVAILABLE", calls=2))
    assert SecretReference(secret=secret).read() == VALUE
    monkeypatch.setattr(secrets, "SECONDS", 0.3)
    for fault in (Fault(method="secretmanager.*", code="UNAVAILABLE"), Fault(method="secretmanager.*", action="hang")):
        number = cloud.faults.add(fault)
        assert failure(secret=secret).endswith("see that Secret Manager can be reached from here, and try again")
        cloud.faults.remove(number)


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_MANAGER_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    assert failure(secret="projects/p/secrets/s").endswith("give this process Google credentials")


@pytest.mark.parametrize("module", ["director.secrets", "director.reporter"])
def test_the_module_brings_no_client_of_google_with_it(module: str) -> None:
    code = f"import {module}, sys; print([name for name in sys.modules if name.startswith('google.')])"
    done: Any = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() in ("[]", "['google.cloud']")
