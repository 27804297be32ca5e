"""Google's client for the running cloud, and a bucket of each test's own."""

import itertools
from collections.abc import Iterator

import pytest
from google.cloud import storage

from localcloud.cloud import LocalCloud

_numbers = itertools.count(1)


@pytest.fixture
def client(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Client]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{cloud.http_address}")
    with storage.Client(project="test-project") as made:
        yield made


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    return client.create_bucket(f"bucket-{next(_numbers)}")
