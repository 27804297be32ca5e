"""Cloud Scheduler jobs as documents write them, and what is refused with what to do."""

from datetime import timedelta
from typing import Any

import pytest

from director.documents.specs.scheduler import SchedulerJob
from director.strict import DocumentError, parse

HTTP = {"uri": "https://example.com/run"}


def job(**data: Any) -> SchedulerJob:
    return parse({"name": "nightly", "schedule": "0 3 * * *", **data}, SchedulerJob)


def test_a_job_publishes_a_message() -> None:
    found = job(topic="ticks", data="tick", attributes={"kind": "nightly"})
    assert (found.topic, found.time_zone, found.paused, found.retry.max_attempts) == ("ticks", "Etc/UTC", False, 0)


def test_a_job_makes_a_call() -> None:
    found = job(
        http={**HTTP, "headers": {"X-Kind": "a"}, "body": "{}", "service_account": "probe-sa", "audience": "probe"},
        retry={"max_attempts": 3, "min_backoff": "10s", "max_backoff": "5m", "max_duration": "1h", "max_doublings": 2},
        attempt_deadline="10m",
        region="europe-west4",
        time_zone="Europe/Berlin",
        description="nightly run",
        paused=True,
    )
    assert found.http is not None
    assert found.http.headers == {"x-kind": "a"}
    assert found.retry.max_backoff == timedelta(minutes=5)


def test_a_job_calls_a_service_as_an_account_named_after_it() -> None:
    assert job(target_service="report", message_body="{}").caller == "nightly-sa"
    assert job(target_service="report", service_account="other-sa").caller == "other-sa"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "has none of them; name one of topic, http and target_service"),
        ({"topic": "t", "data": "x", "http": HTTP}, "has topic and http; name one"),
        ({"topic": "t"}, "Pub/Sub takes no empty message; add data or attributes"),
        ({"topic": "t", "data": "x", "attempt_deadline": "1m"}, "has none for topics; remove it"),
        ({"http": HTTP, "data": "x"}, "data: it belongs to topic; remove it"),
        ({"http": HTTP, "message_body": "x"}, "message_body: it belongs to target_service"),
        ({"http": HTTP, "service_account": "a-sa-sa"}, "or write http.service_account"),
        ({"http": {"uri": "http://example.com"}}, "must match"),
        ({"http": {**HTTP, "method": "GET", "body": "x"}}, "body: a GET has none"),
        ({"http": {**HTTP, "audience": "x"}}, "needs a service_account"),
        ({"http": {**HTTP, "headers": {"Authorization": "Bearer x"}}}, "name the service_account to call as"),
        ({"http": {**HTTP, "headers": {"User-Agent": "x"}}}, "set by Cloud Scheduler itself"),
        ({"http": {**HTTP, "headers": {"X-CloudScheduler-JobName": "x"}}}, "set by Cloud Scheduler itself"),
        ({"http": {**HTTP, "headers": {"X-A": "1", "x-a": "2"}}}, "names a header twice"),
        ({"http": {**HTTP, "headers": {"X A": "1"}}}, "is no HTTP header"),
        ({"http": {**HTTP, "headers": {"X-A": "1\nX-B: 2"}}}, "is no HTTP header"),
        ({"http": {**HTTP, "headers": {"X-A": "1\rX-B: 2"}}}, "is no HTTP header"),
        ({"http": {**HTTP, "service_account": "Nobody"}}, "is no service account"),
        ({"http": HTTP, "attempt_deadline": "31m"}, "from 15s to 30m is allowed"),
        ({"http": HTTP, "retry": {"max_attempts": 6}}, "max_attempts"),
        ({"http": HTTP, "retry": {"min_backoff": "2h"}}, "above max_backoff; swap them"),
        ({"http": HTTP, "schedule": "hourly"}, "is no schedule"),
        ({"http": HTTP, "time_zone": "Mars"}, "is no time zone"),
        ({"http": HTTP, "name": "a b"}, "is no Cloud Scheduler job name"),
        ({"http": HTTP, "description": "x" * 501}, "description"),
        ({"target_service": "s", "name": "Nightly"}, "'Nightly-sa' can be no account; name the one to call as"),
    ],
)
def test_what_cloud_scheduler_would_refuse_is_refused_with_what_to_do(data: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        job(**data)
