"""A running localcloud for every module of tests; each test finds it without faults."""

from collections.abc import Iterator

import pytest

from localcloud.cloud import LocalCloud, in_thread


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[LocalCloud]:
    with in_thread() as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: LocalCloud) -> Iterator[LocalCloud]:
    running_cloud.faults.clear()
    yield running_cloud
    running_cloud.faults.clear()
