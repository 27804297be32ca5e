"""Cloud Scheduler jobs, through Google's client: every field, both targets, and services whose address comes later."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.cloud.scheduler_v1.types import Job

from director.documents.loading import Blueprint
from director.keys import SCHEDULER_JOBS
from director.ledger.file import FileLedger
from director.provisioning.base import Observed, Wanted
from director.provisioning.clients import Clients
from director.provisioning.drift import drift
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.resources.job_targets import Another
from director.resources.scheduler_jobs import Jobs
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint, only

TOPIC = {"name": "ticks", "message_retention_duration": "1d"}
MESSAGE = {"name": "ticking", "schedule": "*/5 * * * *", "topic": "ticks", "data": "tick", "attributes": {"kind": "a"}}
CALL = {
    "name": "calling",
    "schedule": "0 3 * * *",
    "time_zone": "Europe/Berlin",
    "description": "nightly",
    "region": "europe-west4",
    "paused": True,
    "attempt_deadline": "10m",
    "retry": {"max_attempts": 3, "min_backoff": "10s", "max_backoff": "5m", "max_duration": "1h", "max_doublings": 2},
    "http": {
        "uri": "https://example.com/run",
        "method": "PUT",
        "headers": {"X-Kind": "a", "Content-Type": "application/json"},
        "body": "{}",
        "service_account": "caller-sa",
        "audience": "example",
    },
}
LATER = {"name": "later", "schedule": "every 5 minutes", "target_service": "archive", "message_body": "{}"}


@pytest.fixture
def document(tmp_path: Path) -> Blueprint:
    return blueprint(tmp_path, topics=[TOPIC], cloud_scheduler_jobs=[MESSAGE, CALL, LATER])


@pytest.fixture
def clients(cloud: LocalCloud, document: Blueprint) -> Iterator[Clients]:
    with Clients.open(document.architecture.project_id) as opened:
        yield opened


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(clients: Clients, recorder: Recorder) -> CloudSchedulerClient:
    channel = grpc.intercept_channel(clients.channel("cloudscheduler"), recorder)
    return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))


@pytest.fixture
def jobs(client: CloudSchedulerClient) -> Jobs:
    return Jobs(client)


def named(document: Blueprint, name: str, **urls: str) -> Wanted[Any]:
    return next(one for one in wanted(document, "air", urls) if one.full_name.endswith(f"/jobs/{name}"))


def changed(one: Wanted[Any], **state: Any) -> Wanted[Any]:
    return replace(one, state=replace(one.state, **state))


@pytest.mark.parametrize("name", ["ticking", "calling"])
def test_a_made_job_is_as_wanted(jobs: Jobs, document: Blueprint, name: str) -> None:
    job = named(document, name)
    assert jobs.observe(job) is None
    jobs.create(job)
    observed = jobs.observe(job)
    assert observed is not None
    assert observed.state == job.state
    assert change(job, observed).action == "none"


def test_a_call_without_anything_said_is_not_reset_for_ever(jobs: Jobs, tmp_path: Path, document: Blueprint) -> None:
    plain = {"name": "plain", "schedule": "0 3 * * *", "http": {"uri": "https://example.com", "body": "x"}}
    bare = only(blueprint(tmp_path, cloud_scheduler_jobs=[plain]), SCHEDULER_JOBS)
    jobs.create(bare)
    assert change(bare, jobs.observe(bare)).action == "none"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("schedule", "0 4 * * *", "schedule: 0 3 * * * -> 0 4 * * *"),
        ("time_zone", "Etc/UTC", "time_zone: Europe/Berlin -> Etc/UTC"),
        ("description", "", "description: nightly -> none"),
        ("state", "ENABLED", "state: PAUSED -> ENABLED"),
        ("attempt_deadline", timedelta(minutes=3), "attempt_deadline: 10m -> 3m"),
    ],
)
def test_each_field_drifts_and_is_put_right_alone(
    jobs: Jobs, document: Blueprint, field: str, value: Any, reason: str
) -> None:
    job = named(document, "calling")
    jobs.create(job)
    other = changed(job, **{field: value})
    observed = jobs.observe(other)
    todo = change(other, observed)
    assert (todo.reasons, todo.fields) == ((reason,), {field})
    jobs.update(other, observed, todo.fields)  # type: ignore[arg-type]
    assert change(other, jobs.observe(other)).action == "none"


def test_retries_and_targets_drift_and_a_plan_does_not_repeat_what_is_sent(jobs: Jobs, document: Blueprint) -> None:
    job = named(document, "calling")
    jobs.create(job)
    target = replace(job.state.target, body='{"canary": 1}', headers={})
    other = changed(job, target=target, retry=replace(job.state.retry, max_attempts=0))
    observed = jobs.observe(other)
    todo = change(other, observed)
    assert "target: another headers, body" in todo.reasons
    assert any(reason.startswith("retry: max_attempts 3") for reason in todo.reasons)
    assert "canary" not in str(todo)
    jobs.update(other, observed, todo.fields)  # type: ignore[arg-type]
    assert change(other, jobs.observe(other)).action == "none"


def test_a_job_that_does_something_of_another_kind_is_refused(jobs: Jobs, document: Blueprint) -> None:
    message, call = named(document, "ticking"), named(document, "calling")
    jobs.create(message)
    other = replace(call, full_name=message.full_name)
    assert change(other, jobs.observe(other)).action == "refuse"
    engine = Observed(replace(message.state, target=Another("app_engine_http_target")), None)
    assert "delete the job and apply again" in change(message, engine).reasons[0]


def test_a_job_that_cloud_scheduler_stopped_is_refused_and_a_failed_update_repeated(
    jobs: Jobs, document: Blueprint, client: CloudSchedulerClient
) -> None:
    job = named(document, "ticking")
    jobs.create(job)
    stopped = Observed(replace(job.state, state="DISABLED"), None)
    assert change(job, stopped).action == "refuse"
    assert "see its logs" in change(job, stopped).reasons[0]
    broken = Observed(replace(job.state, state="UPDATE_FAILED"), None)
    assert change(job, broken).action == "update"
    jobs.update(job, broken, frozenset({"state"}))
    assert change(job, jobs.observe(job)).action == "none"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["CreateJob", "PauseJob"])
def test_an_effect_that_fails_in_passing_is_had_once(
    jobs: Jobs, document: Blueprint, cloud: LocalCloud, retries: Retries, method: str, when: Any
) -> None:
    """A job that was to be paused, and was made without its answer, is found running and paused."""
    job = named(document, "calling")
    number = cloud.faults.add(Fault(method=f"cloudscheduler.{method}", when=when, calls=1))
    loop = Provisioner({SCHEDULER_JOBS: jobs}, retries)
    assert loop.apply([job])[0].result == "created"
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1
    assert loop.plan([job])[0].action == "none"


@pytest.mark.parametrize("paused", [True, False])
def test_a_turn_whose_answer_was_lost_is_no_failure(
    jobs: Jobs, document: Blueprint, cloud: LocalCloud, retries: Retries, paused: bool
) -> None:
    first = named(document, "calling" if not paused else "ticking")
    jobs.create(first)
    other = changed(first, state="PAUSED" if paused else "ENABLED")
    cloud.faults.add(Fault(method="cloudscheduler.*eJob", when="after", calls=1))
    assert Provisioner({SCHEDULER_JOBS: jobs}, retries).apply([other])[0].result == "updated"
    assert change(other, jobs.observe(other)).action == "none"


def test_a_list_is_as_each_is_observed_in_every_location(jobs: Jobs, document: Blueprint) -> None:
    made = [named(document, "ticking"), named(document, "calling")]
    for one in made:
        jobs.create(one)
    listed = jobs.survey([*made, named(document, "later")])
    assert listed == {one.full_name: jobs.observe(one) for one in made}


def test_a_deleted_job_is_gone(jobs: Jobs, document: Blueprint) -> None:
    job = named(document, "ticking")
    jobs.create(job)
    assert jobs.holding(job, frozenset()) is None
    jobs.delete(job)
    assert jobs.observe(job) is None


def test_a_job_needs_its_topic_and_the_account_that_the_dataflow_makes(tmp_path: Path) -> None:
    found = blueprint(
        tmp_path,
        topics=[TOPIC],
        service_accounts=[{"name": "caller-sa"}, {"name": "later-sa"}],
        cloud_scheduler_jobs=[MESSAGE, CALL, LATER],
    )
    needs = {
        name: [need[1].rpartition("/")[2].partition("@")[0] for need in named(found, name).needs]
        for name in ("ticking", "calling", "later")
    }
    assert needs == {"ticking": ["ticks"], "calling": ["caller-sa"], "later": ["later-sa"]}


def test_a_job_for_a_service_waits_for_its_address_and_then_calls_it(
    document: Blueprint, jobs: Jobs, clients: Clients, retries: Retries
) -> None:
    waiting = named(document, "later")
    todo = change(waiting, None)
    assert str(todo) == (
        f"wait    cloud_scheduler_jobs {waiting.full_name}: "
        "waits for the address of service 'archive', known once that is deployed"
    )
    loop = Provisioner({SCHEDULER_JOBS: jobs}, retries)
    [outcome] = loop.apply([waiting])
    assert (outcome.result, outcome.good, jobs.observe(waiting)) == ("absent", True, None)
    known = named(document, "later", archive="https://archive.example.com")
    assert loop.apply([known])[0].result == "created"
    call = jobs.observe(known).state.target  # type: ignore[union-attr]
    email = f"later-sa@{document.architecture.project_id}.iam.gserviceaccount.com"
    assert (call.uri, call.body, call.account) == ("https://archive.example.com", "{}", email)
    assert call.audience == call.uri
    assert change(waiting, jobs.observe(waiting)).action == "none"  # its address is nothing to go by here
    slower = changed(waiting, schedule="0 3 * * *")
    assert loop.apply([slower])[0].result == "updated"
    assert jobs.observe(slower).state.target == call  # type: ignore[union-attr]


def test_an_address_that_is_not_https_is_none(document: Blueprint) -> None:
    job = named(document, "later", archive="http://archive.example.com")
    assert "does not begin with https://" in change(job, None).reasons[0]


def test_what_waits_keeps_no_service_from_starting_and_is_told_of_the_dataflow(
    document: Blueprint, clients: Clients, retries: Retries
) -> None:
    director = Director(document, lambda found: providers(clients, found), retries, workers=1, ledger=FileLedger())
    assert all(outcome.good for outcome in director.apply("air"))
    assert [change.action for change in director.verify("air")] == ["wait"]
    assert director.missing("air", "archive") == ()
    assert drift([named(document, "later")], {named(document, "later").key: None}, {}) == ()


@pytest.mark.parametrize("name", ["ticking", "calling"])
def test_what_is_sent_is_what_cloud_schedulers_discovery_document_knows(
    jobs: Jobs, recorder: Recorder, document: Blueprint, name: str
) -> None:
    job = named(document, name)
    jobs.create(job)
    later = changed(job, schedule="every 5 minutes")
    jobs.update(later, jobs.observe(later), frozenset({"schedule"}))  # type: ignore[arg-type]
    sent = recorder.bodies("CreateJob", "UpdateJob")
    assert [complaints("cloudscheduler.v1", "Job", body_of(request.job)) for request in sent] == [[], []]


def test_somebody_elses_job_is_changed_openly_and_never_deleted(
    client: CloudSchedulerClient, document: Blueprint, clients: Clients, retries: Retries
) -> None:
    """It has no labels that could tell, so the plan says each field; what we did not make, a teardown leaves."""
    job = named(document, "ticking")
    said = job.state.target
    target = {"topic_name": said.pubsub_topic, "data": said.data.encode(), "attributes": said.attributes}
    theirs = Job(name=job.full_name, schedule="0 0 1 1 *", pubsub_target=target)
    client.create_job(parent=job.full_name.rpartition("/jobs/")[0], job=theirs)
    director = Director(document, lambda found: providers(clients, found), retries, workers=1, ledger=FileLedger())
    planned = next(change for change in director.plan("air") if change.key == job.key)
    assert planned.reasons == ("schedule: 0 0 1 1 * -> */5 * * * *",)
    director.apply("air")
    kept = next(change for change in director.teardown_plan("air") if change.key == job.key)
    assert kept.action == "keep"
