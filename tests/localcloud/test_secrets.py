"""Secret Manager through Google's own client, over the wire."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import grpc
import pytest
from google.api_core import exceptions
from google.cloud.secretmanager_v1 import SecretManagerServiceClient, types
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport

from localcloud.cloud import LocalCloud, Options, in_thread
from localcloud.faults import Fault

AUTOMATIC = {"replication": {"automatic": {}}}


def client_at(address: str) -> SecretManagerServiceClient:
    transport = SecretManagerServiceGrpcTransport(channel=grpc.insecure_channel(address))
    return SecretManagerServiceClient(transport=transport)


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[SecretManagerServiceClient]:
    opened = client_at(cloud.grpc_address)
    yield opened
    opened.transport.close()


@pytest.fixture
def project() -> str:
    return f"projects/p-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def secret(client: SecretManagerServiceClient, project: str) -> str:
    return create(client, project, "mqtt")


def create(client: SecretManagerServiceClient, project: str, name: str, **settings: Any) -> str:
    request = {"parent": project, "secret_id": name, "secret": {**AUTOMATIC, **settings}}
    return str(client.create_secret(request=request).name)


def add(client: SecretManagerServiceClient, secret: str, data: bytes) -> str:
    return str(client.add_secret_version(parent=secret, payload={"data": data}).name)


def test_a_version_gives_back_its_data_with_their_checksum(client: SecretManagerServiceClient, secret: str) -> None:
    first, second = add(client, secret, b"one"), add(client, secret, b"two\xff")
    assert (first, second) == (f"{secret}/versions/1", f"{secret}/versions/2")
    accessed = client.access_secret_version(name=first)
    assert (accessed.name, accessed.payload.data) == (first, b"one")
    latest = client.access_secret_version(name=f"{secret}/versions/latest")
    assert (latest.name, latest.payload.data) == (second, b"two\xff")
    assert latest.payload.data_crc32c == google_crc32c.value(b"two\xff")


def test_a_secret_keeps_what_it_was_created_with(client: SecretManagerServiceClient, project: str) -> None:
    name = create(client, project, "a", labels={"team": "iot"})
    kept = client.get_secret(name=name)
    assert kept.labels == {"team": "iot"}
    assert kept.etag
    assert kept.create_time
    with pytest.raises(exceptions.AlreadyExists, match="already exists"):
        create(client, project, "a")


def test_secrets_and_versions_are_listed_newest_first_and_by_pages(
    client: SecretManagerServiceClient, project: str
) -> None:
    names = [create(client, project, name) for name in ("a", "b", "c")]
    pages = client.list_secrets(request={"parent": project, "page_size": 2})
    assert [secret.name for secret in pages] == names[::-1]
    assert pages.total_size == 3
    versions = [add(client, names[0], data) for data in (b"1", b"2", b"3")]
    listed = client.list_secret_versions(request={"parent": names[0], "page_size": 1})
    assert [version.name for version in listed] == versions[::-1]


def test_what_is_not_there_is_not_found(client: SecretManagerServiceClient, secret: str) -> None:
    for call in (
        lambda: client.get_secret(name=f"{secret}x"),
        lambda: client.delete_secret(name=f"{secret}x"),
        lambda: add(client, f"{secret}x", b"data"),
        lambda: client.access_secret_version(name=f"{secret}/versions/latest"),
        lambda: client.access_secret_version(name=f"{secret}/versions/1"),
        lambda: client.get_secret_version(name=f"{secret}/versions/first"),
    ):
        with pytest.raises(exceptions.NotFound, match="not found"):
            call()


def test_a_disabled_version_cannot_be_accessed_until_it_is_enabled(
    client: SecretManagerServiceClient, secret: str
) -> None:
    version = add(client, secret, b"data")
    assert client.disable_secret_version(name=version).state == types.SecretVersion.State.DISABLED
    for name in (version, f"{secret}/versions/latest"):
        with pytest.raises(exceptions.FailedPrecondition, match="is in DISABLED state"):
            client.access_secret_version(name=name)
    assert client.enable_secret_version(name=version).state == types.SecretVersion.State.ENABLED
    assert client.access_secret_version(name=version).payload.data == b"data"


def test_a_destroyed_version_stays_destroyed(client: SecretManagerServiceClient, secret: str) -> None:
    version = add(client, secret, b"data")
    assert client.destroy_secret_version(name=version).destroy_time
    for call in (client.access_secret_version, client.enable_secret_version, client.destroy_secret_version):
        with pytest.raises(exceptions.FailedPrecondition, match="is in DESTROYED state"):
            call(name=version)
    assert client.get_secret_version(name=version).state == types.SecretVersion.State.DESTROYED


def test_a_change_with_an_old_etag_is_aborted(client: SecretManagerServiceClient, secret: str) -> None:
    version = add(client, secret, b"data")
    etag = client.get_secret_version(name=version).etag
    client.disable_secret_version(request={"name": version, "etag": etag})
    with pytest.raises(exceptions.Aborted, match="etag"):
        client.destroy_secret_version(request={"name": version, "etag": etag})
    with pytest.raises(exceptions.Aborted, match="etag"):
        client.delete_secret(request={"name": secret, "etag": "old"})


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"parent": "p", "secret_id": "a", "secret": AUTOMATIC}, "not a project"),
        ({"parent": "projects/p", "secret_id": "a b", "secret": AUTOMATIC}, "must match the pattern"),
        ({"parent": "projects/p", "secret_id": "a", "secret": {}}, "replication must be provided"),
    ],
)
def test_a_secret_that_makes_no_sense_is_refused(
    client: SecretManagerServiceClient, request_: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=complaint):
        client.create_secret(request=request_)


def test_a_payload_has_bytes_at_most_64_kib_and_the_checksum_it_says(
    client: SecretManagerServiceClient, secret: str
) -> None:
    for payload, complaint in (
        ({"data": b""}, "1 to 65536 bytes"),
        ({"data": b"x" * 65_537}, "1 to 65536 bytes"),
        ({"data": b"x", "data_crc32c": 1}, "does not match"),
    ):
        with pytest.raises(exceptions.InvalidArgument, match=complaint):
            client.add_secret_version(parent=secret, payload=payload)
    good = {"data": b"x" * 65_536, "data_crc32c": google_crc32c.value(b"x" * 65_536)}
    assert client.add_secret_version(parent=secret, payload=good).client_specified_payload_checksum


def test_what_is_not_supported_says_so_by_name(client: SecretManagerServiceClient, project: str, secret: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="version_aliases"):
        create(client, project, "r", version_aliases={"first": 1})
    with pytest.raises(exceptions.MethodNotImplemented, match="filter"):
        client.list_secrets(request={"parent": project, "filter": "labels.a=b"})


def test_an_update_changes_what_its_mask_names_under_the_etag(client: SecretManagerServiceClient, project: str) -> None:
    name = create(client, project, "a", labels={"team": "iot", "cost": "x"}, annotations={"k": "v"})
    old = client.get_secret(name=name)
    add(client, name, b"data")
    changed = client.update_secret(
        secret={"name": name, "labels": {"team": "air"}, "annotations": {}, "etag": old.etag},
        update_mask={"paths": ["labels"]},
    )
    assert changed == client.get_secret(name=name)
    assert (dict(changed.labels), dict(changed.annotations)) == ({"team": "air"}, {"k": "v"})
    assert changed.create_time == old.create_time
    assert client.access_secret_version(name=f"{name}/versions/1").payload.data == b"data"
    with pytest.raises(exceptions.Aborted, match="etag"):
        client.update_secret(secret={"name": name, "etag": old.etag}, update_mask={"paths": ["labels"]}, retry=None)
    for paths, complaint in ((["replication"], "cannot be changed"), ([], "must name the fields")):
        with pytest.raises(exceptions.InvalidArgument, match=complaint):
            client.update_secret(secret={"name": name}, update_mask={"paths": paths})


def test_a_policy_outlives_an_update_of_its_secret(client: SecretManagerServiceClient, secret: str) -> None:
    binding = {"role": "roles/secretmanager.secretAccessor", "members": ["user:anna@example.com"]}
    client.set_iam_policy(request={"resource": secret, "policy": {"bindings": [binding]}})
    client.update_secret(secret={"name": secret, "labels": {"a": "b"}}, update_mask={"paths": ["labels"]})
    assert client.get_iam_policy(request={"resource": secret}).bindings


def test_a_lifetime_is_kept_as_the_moment_it_ends_and_a_rotation_needs_topic_and_time(
    client: SecretManagerServiceClient, project: str
) -> None:
    name = create(client, project, "a", ttl={"seconds": 86_400})
    made = client.get_secret(name=name)
    assert round((made.expire_time - made.create_time).total_seconds()) == 86_400
    topics = [{"name": f"{project}/topics/rotate"}]
    rotation = {"rotation_period": {"seconds": 7200}, "next_rotation_time": made.expire_time}
    paths = {"paths": ["topics", "rotation"]}
    turning = client.update_secret(secret={"name": name, "topics": topics, "rotation": rotation}, update_mask=paths)
    assert turning.rotation.rotation_period.total_seconds() == 7200
    for settings, complaint in (
        ({"rotation": rotation}, "topics must be set"),
        ({"topics": topics, "rotation": {"rotation_period": {"seconds": 7200}}}, "next_rotation_time must be set"),
        ({"topics": topics, "rotation": {**rotation, "rotation_period": {"seconds": 60}}}, "at least 3600 s"),
        ({"topics": topics, "rotation": {"next_rotation_time": made.create_time}}, "5 minutes from now"),
        ({"topics": [{"name": "rotate"}]}, "names such as"),
    ):
        with pytest.raises(exceptions.InvalidArgument, match=complaint):
            create(client, project, "b", **settings)


def test_faults_strike_by_the_secret_s_name(cloud: LocalCloud, client: SecretManagerServiceClient, secret: str) -> None:
    version = add(client, secret, b"data")
    cloud.faults.add(Fault(method="secretmanager.AccessSecretVersion", resource=version, code="PERMISSION_DENIED"))
    with pytest.raises(exceptions.PermissionDenied):
        client.access_secret_version(name=version)


def test_secrets_outlive_the_process_and_deleted_ones_do_not(tmp_path: Path) -> None:
    with in_thread(Options(data=tmp_path)) as cloud:
        client = client_at(cloud.grpc_address)
        kept, gone = create(client, "projects/p", "kept"), create(client, "projects/p", "gone")
        add(client, kept, b"first one")
        add(client, kept, b"second one")
        client.disable_secret_version(name=add(client, kept, b"third one"))
        client.update_secret(secret={"name": kept, "labels": {"a": "b"}}, update_mask={"paths": ["labels"]})
        client.disable_secret_version(name=f"{kept}/versions/1")
        client.destroy_secret_version(name=f"{kept}/versions/2")
        add(client, gone, b"deleted one")
        client.delete_secret(name=gone)
        before = [types.SecretVersion.to_json(each) for each in client.list_secret_versions(parent=kept)]
        client.enable_secret_version(name=f"{kept}/versions/1")
        client.transport.close()
    with in_thread(Options(data=tmp_path)) as cloud:
        client = client_at(cloud.grpc_address)
        assert [secret.name for secret in client.list_secrets(parent="projects/p")] == [kept]
        after = [types.SecretVersion.to_json(each) for each in client.list_secret_versions(parent=kept)]
        assert after[:2] == before[:2]
        assert client.access_secret_version(name=f"{kept}/versions/1").payload.data == b"first one"
        assert add(client, kept, b"fourth one") == f"{kept}/versions/4"
        client.transport.close()
    on_disk = (tmp_path / "secrets" / "journal").read_bytes()
    assert b"first one" in on_disk
    assert b"second one" not in on_disk
    assert b"deleted one" not in on_disk


def test_a_policy_changes_only_with_the_etag_read_last(client: SecretManagerServiceClient, secret: str) -> None:
    read = client.get_iam_policy(request={"resource": secret})
    binding = {"role": "roles/secretmanager.secretAccessor", "members": ["user:anna@example.com"]}
    client.set_iam_policy(request={"resource": secret, "policy": {"bindings": [binding], "etag": read.etag}})
    [kept] = client.get_iam_policy(request={"resource": secret}).bindings
    assert (kept.role, list(kept.members)) == (binding["role"], binding["members"])
    with pytest.raises(exceptions.Aborted):
        client.set_iam_policy(request={"resource": secret, "policy": {"etag": read.etag}})


def test_a_policy_ends_with_its_secret(client: SecretManagerServiceClient, project: str, secret: str) -> None:
    binding = {"role": "roles/secretmanager.secretAccessor", "members": ["user:anna@example.com"]}
    client.set_iam_policy(request={"resource": secret, "policy": {"bindings": [binding]}})
    client.delete_secret(name=secret)
    with pytest.raises(exceptions.NotFound):
        client.get_iam_policy(request={"resource": secret})
    assert create(client, project, "mqtt") == secret
    assert not client.get_iam_policy(request={"resource": secret}).bindings


def test_a_policy_is_not_changed_in_parts(client: SecretManagerServiceClient, secret: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="update_mask"):
        client.set_iam_policy(request={"resource": secret, "policy": {}, "update_mask": {"paths": ["etag"]}})


def test_permissions_are_there_that_no_fault_takes_away(
    client: SecretManagerServiceClient, secret: str, cloud: LocalCloud
) -> None:
    asked = ["secretmanager.versions.access", "secretmanager.secrets.get"]

    def permitted(name: str) -> list[str]:
        return list(client.test_iam_permissions(request={"resource": name, "permissions": asked}).permissions)

    assert permitted(secret) == asked
    assert permitted(f"{secret}-absent") == []
    cloud.faults.add(Fault(method=asked[0], resource=secret, code="PERMISSION_DENIED"))
    assert permitted(secret) == asked[1:]
