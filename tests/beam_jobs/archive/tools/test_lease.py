"""One compaction at a time: whoever lost its turn finds out before it writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beam_jobs.archive.tools.lease import MINUTES, ObjectLease
from beam_jobs.errors import Misconfigured, RetryLater
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def lease(client: Any, bucket: Any, holder: str, now: datetime = NOW) -> ObjectLease:
    return ObjectLease(client, bucket.name, "archive", holder, lambda: now)


def test_a_lease_is_taken_renewed_and_given_back(client: Any, bucket: Any) -> None:
    first = lease(client, bucket, "first")
    first.take()
    first.renew()
    with pytest.raises(Misconfigured, match="first compacts this archive"):
        lease(client, bucket, "second").take()
    first.give_back()
    assert list(bucket.list_blobs()) == []
    lease(client, bucket, "second").take()


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_finds_out(client: Any, bucket: Any) -> None:
    first = lease(client, bucket, "first")
    first.take()
    second = lease(client, bucket, "second", NOW + MINUTES + timedelta(seconds=1))
    second.take()
    with pytest.raises(RetryLater, match="another compaction took over"):
        first.renew()
    first.give_back()  # not its own any more: it stays
    second.renew()


def test_a_service_that_is_away_is_no_lease(client: Any, bucket: Any, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method="storage.objects.insert", code="ABORTED"))
    with pytest.raises(RetryLater, match="archive/_compaction/lease"):
        lease(client, bucket, "first").take()
