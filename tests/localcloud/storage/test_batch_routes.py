"""Many requests in one, over the wire."""

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import storage

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


def test_a_batch_deletes_and_patches(client: storage.Client, bucket: storage.Bucket) -> None:
    blobs = [bucket.blob(f"a/{number} €") for number in range(5)]
    for blob in blobs:
        blob.upload_from_string(b"x")
    blobs[0].metadata = {"a": "1"}
    with client.batch():
        blobs[0].patch()
        for blob in blobs[1:]:
            blob.delete()
    assert [(blob.name, blob.metadata) for blob in client.list_blobs(bucket)] == [(blobs[0].name, {"a": "1"})]


def test_each_part_has_its_own_outcome(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.blob("x").upload_from_string(b"x")
    with client.batch(raise_exception=False) as batch:
        bucket.blob("absent").delete()
        bucket.blob("x").delete()
    assert [response.status_code for response in batch._responses] == [404, 204]
    assert not bucket.blob("x").exists()
    with pytest.raises(NotFound, match="No such object"), client.batch():
        bucket.blob("absent").delete()


def test_faults_strike_single_parts(cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket) -> None:
    for name in ("x", "y"):
        bucket.blob(name).upload_from_string(b"x")
    cloud.faults.add(Fault("storage.objects.delete", "*/y"))
    with client.batch(raise_exception=False) as batch:
        bucket.blob("x").delete()
        bucket.blob("y").delete()
    assert [response.status_code for response in batch._responses] == [204, 503]
    assert [blob.name for blob in client.list_blobs(bucket)] == ["y"]
