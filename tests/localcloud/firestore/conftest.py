"""Google's client for the running cloud, with a project of each test's own."""

import itertools
from collections.abc import Iterator

import pytest
from google.cloud import firestore

from localcloud.cloud import LocalCloud

_numbers = itertools.count(1)


@pytest.fixture
def client(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[firestore.Client]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", cloud.grpc_address)
    made = firestore.Client(project=f"project-{next(_numbers)}")
    yield made
    made.close()
