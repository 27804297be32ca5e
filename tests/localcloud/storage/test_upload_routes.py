"""Uploads over the wire: simple, multipart, resumable; checksums; conditions; lost answers."""

import base64
import os
from io import BytesIO

import google_crc32c
import pytest
import requests
from google.api_core.exceptions import BadRequest, Forbidden, GoogleAPICallError, NotFound, PreconditionFailed
from google.api_core.retry import Retry
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

QUICK: Retry = DEFAULT_RETRY.with_delay(initial=0.01, maximum=0.05)
GRAIN = 256 << 10


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def begin(bucket: storage.Bucket, name: str, **headers: str) -> str:
    """The address of a resumable upload."""
    host = bucket.client.api_endpoint
    answer = requests.post(
        f"{host}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "resumable", "name": name},
        headers=headers,
        timeout=10,
    )
    assert answer.status_code == 200
    return answer.headers["Location"]


def put(address: str, data: bytes, content_range: str | None = None) -> requests.Response:
    headers = {"Content-Range": content_range} if content_range else {}
    return requests.put(address, data=data, headers=headers, timeout=10, allow_redirects=False)


def test_an_upload_tells_what_was_stored(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"hello", content_type="text/plain", checksum="md5")
    assert (blob.size, blob.crc32c, blob.md5_hash) == (5, crc32c(b"hello"), "XUFAKrxLKna5cZ2REBfFkg==")
    assert (blob.content_type, blob.storage_class, blob.metageneration) == ("text/plain", "STANDARD", 1)


def test_a_simple_upload_takes_its_type_from_the_header(bucket: storage.Bucket) -> None:
    answer = requests.post(
        f"{bucket.client.api_endpoint}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "media", "name": "x"},
        data=b"hello",
        headers={"Content-Type": "text/csv"},
        timeout=10,
    )
    assert answer.json()["contentType"] == "text/csv"
    assert bucket.blob("x").download_as_bytes() == b"hello"


def test_each_upload_makes_a_new_generation(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    generations = []
    for text in (b"1", b"2", b"3"):
        blob.upload_from_string(text)
        generations.append(blob.generation)
    assert generations == sorted(set(generations))


def test_generation_zero_means_create_only(bucket: storage.Bucket) -> None:
    bucket.blob("x").upload_from_string(b"one", if_generation_match=0)
    with pytest.raises(PreconditionFailed, match="pre-conditions"):
        bucket.blob("x").upload_from_string(b"two", if_generation_match=0)
    assert bucket.blob("x").download_as_bytes() == b"one"


def test_an_overwrite_can_be_bound_to_the_generation_read(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"one")
    read = blob.generation
    blob.upload_from_string(b"two", if_generation_match=read)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"three", if_generation_match=read)
    with pytest.raises(PreconditionFailed):
        bucket.blob("new").upload_from_string(b"x", if_generation_not_match=0)


@pytest.mark.parametrize("kind", ["crc32c", "md5Hash"])
def test_bytes_that_do_not_fit_their_checksum_are_refused(bucket: storage.Bucket, kind: str) -> None:
    body = (
        b'--B\r\nContent-Type: application/json\r\n\r\n{"name": "x", "%s": "AAAAAA=="}\r\n' % kind.encode()
        + b"--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--"
    )
    answer = requests.post(
        f"{bucket.client.api_endpoint}/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart",
        data=body,
        headers={"Content-Type": "multipart/related; boundary=B"},
        timeout=10,
    )
    assert answer.status_code == 400
    assert "doesn't match calculated" in answer.json()["error"]["message"]
    assert not bucket.blob("x").exists()


def test_an_upload_to_no_bucket_or_of_no_kind_is_refused(client: storage.Client, bucket: storage.Bucket) -> None:
    with pytest.raises(NotFound, match="bucket does not exist"):
        client.bucket("nowhere-at-all").blob("x").upload_from_string(b"x")
    answer = requests.post(f"{client.api_endpoint}/upload/storage/v1/b/{bucket.name}/o?name=x", timeout=10)
    assert answer.status_code == 400


def test_acls_do_not_go_with_uniform_access(client: storage.Client) -> None:
    bucket = client.bucket("uniform")
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.create()
    with pytest.raises(BadRequest, match="legacy ACL"):
        bucket.blob("x").upload_from_string(b"x", predefined_acl="publicRead")


def test_a_resumable_upload_in_parts_becomes_one_object(bucket: storage.Bucket) -> None:
    data = os.urandom(3 * GRAIN + 7)
    blob = bucket.blob("x", chunk_size=GRAIN)
    blob.metadata = {"a": "1"}
    blob.upload_from_file(BytesIO(data), size=len(data), if_generation_match=0)
    assert (blob.download_as_bytes(), blob.crc32c, blob.metadata) == (data, crc32c(data), {"a": "1"})


def test_a_stream_of_unknown_length_can_be_written(bucket: storage.Bucket) -> None:
    data = os.urandom(2 * GRAIN + 100)
    with bucket.blob("x").open("wb", chunk_size=GRAIN) as file:
        file.write(data)
    with bucket.blob("empty").open("wb"):
        pass
    assert bucket.blob("x").download_as_bytes() == data
    assert bucket.blob("empty").download_as_bytes() == b""


def test_a_resumable_upload_is_refused_when_it_begins_against_a_condition(bucket: storage.Bucket) -> None:
    bucket.blob("x").upload_from_string(b"one")
    with pytest.raises(PreconditionFailed):
        bucket.blob("x").create_resumable_upload_session(if_generation_match=0)


def test_a_resumable_upload_is_refused_when_another_came_first(bucket: storage.Bucket) -> None:
    address = bucket.blob("x").create_resumable_upload_session(if_generation_match=0)
    bucket.blob("x").upload_from_string(b"first")
    assert put(address, b"second").status_code == 412
    assert bucket.blob("x").download_as_bytes() == b"first"


def test_an_upload_tells_how_far_it_is_and_goes_on_from_there(bucket: storage.Bucket) -> None:
    data = os.urandom(GRAIN + 100)
    address = begin(bucket, "x")
    asked = put(address, b"", "bytes */*")
    assert (asked.status_code, asked.headers.get("Range")) == (308, None)
    sent = put(address, data, f"bytes 0-{len(data) - 1}/*")
    assert (sent.status_code, sent.headers["Range"]) == (308, f"bytes=0-{GRAIN - 1}")
    rest = put(address, data[GRAIN:], f"bytes {GRAIN}-{len(data) - 1}/{len(data)}")
    assert rest.status_code == 200
    assert bucket.blob("x").download_as_bytes() == data
    assert put(address, b"", "bytes */*").json()["generation"] == rest.json()["generation"]


def test_a_part_sent_twice_counts_once(bucket: storage.Bucket) -> None:
    data = os.urandom(2 * GRAIN)
    address = begin(bucket, "x")
    for _ in range(2):
        put(address, data[:GRAIN], f"bytes 0-{GRAIN - 1}/{len(data)}")
    assert put(address, data, f"bytes 0-{len(data) - 1}/{len(data)}").status_code == 200
    assert bucket.blob("x").download_as_bytes() == data


def test_a_part_after_a_gap_is_refused(bucket: storage.Bucket) -> None:
    answer = put(begin(bucket, "x"), bytes(GRAIN), f"bytes {GRAIN}-{2 * GRAIN - 1}/*")
    assert answer.status_code == 503
    assert "exceeds already uploaded size of 0" in answer.json()["error"]["message"]


@pytest.mark.parametrize("content_range", ["bytes 0-9/10", "bytes=0-4/5", "bytes 0-4"])
def test_a_content_range_that_cannot_be_is_refused(bucket: storage.Bucket, content_range: str) -> None:
    assert put(begin(bucket, "x"), b"hello", content_range).status_code == 400


def test_a_total_other_than_declared_is_refused(bucket: storage.Bucket) -> None:
    assert put(begin(bucket, "x", **{"X-Upload-Content-Length": "9"}), b"hello").status_code == 400


def test_a_wrong_checksum_ends_the_upload(bucket: storage.Bucket) -> None:
    address = begin(bucket, "x")
    answer = requests.put(address, data=b"hello", headers={"X-Goog-Hash": "crc32c=AAAAAA=="}, timeout=10)
    assert answer.status_code == 400
    assert put(address, b"", "bytes */*").status_code == 404
    assert not bucket.blob("x").exists()


def test_an_upload_can_be_given_up(bucket: storage.Bucket) -> None:
    address = begin(bucket, "x")
    assert requests.delete(address, timeout=10).status_code == 499
    assert put(address, b"x").status_code == 404


def test_an_upload_lasts_a_week(cloud: LocalCloud, bucket: storage.Bucket) -> None:
    address = begin(bucket, "x")
    cloud.clock.advance(8 * 86_400)
    assert put(address, b"x").status_code == 404
    begin(bucket, "y")


def test_a_lost_answer_with_create_only_ends_in_412_and_one_object(
    cloud: LocalCloud, client: storage.Client, bucket: storage.Bucket
) -> None:
    cloud.faults.add(Fault("storage.objects.insert", when="after", calls=1))
    with pytest.raises(PreconditionFailed):
        bucket.blob("x").upload_from_string(b"hello", if_generation_match=0, retry=QUICK)
    assert [blob.crc32c for blob in client.list_blobs(bucket, versions=True)] == [crc32c(b"hello")]


def test_a_refusal_before_the_effect_is_retried_to_success(cloud: LocalCloud, bucket: storage.Bucket) -> None:
    cloud.faults.add(Fault("storage.objects.insert", calls=2))
    bucket.blob("x").upload_from_string(b"hello", if_generation_match=0, retry=QUICK)
    assert bucket.blob("x").download_as_bytes() == b"hello"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_resumable_upload_survives_failing_parts(cloud: LocalCloud, bucket: storage.Bucket, when: str) -> None:
    data = os.urandom(3 * GRAIN)
    cloud.faults.add(Fault("storage.objects.insertPart", when=when, calls=2, share=0.5))
    bucket.blob("x", chunk_size=GRAIN).upload_from_file(BytesIO(data), size=len(data), retry=QUICK)
    assert bucket.blob("x").download_as_bytes() == data


def test_a_connection_cut_after_the_effect_leaves_the_object(cloud: LocalCloud, bucket: storage.Bucket) -> None:
    cloud.faults.add(Fault("storage.objects.insert", action="reset", when="after", calls=1))
    with pytest.raises((PreconditionFailed, requests.ConnectionError, GoogleAPICallError)):
        bucket.blob("x").upload_from_string(b"hello", if_generation_match=0, retry=QUICK)
    assert bucket.blob("x").download_as_bytes() == b"hello"


def test_a_permission_fault_is_not_retried(cloud: LocalCloud, bucket: storage.Bucket) -> None:
    cloud.faults.add(Fault("storage.objects.insert", code="PERMISSION_DENIED"))
    with pytest.raises(Forbidden):
        bucket.blob("x").upload_from_string(b"hello", retry=QUICK)
    assert len([line for line in cloud.faults.log if line.resource.endswith(f"{bucket.name}/o")]) == 1
