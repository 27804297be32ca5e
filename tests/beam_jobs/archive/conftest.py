"""A bucket of a test's own."""

import itertools
from collections.abc import Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud.cloud import LocalCloud

_numbers = itertools.count()


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[storage.Client]:
    made = storage.Client("test-project", credentials=AnonymousCredentials())
    yield made
    made.close()


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    return client.create_bucket(f"archive-test-{next(_numbers)}")
