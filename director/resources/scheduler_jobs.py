"""Cloud Scheduler jobs. They carry no labels: whose one is, only the journal knows, as with collections."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import FailedPrecondition, NotFound
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.cloud.scheduler_v1.types import Job

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.scheduler import SchedulerJob
from director.keys import Key
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Verdict, Wanted, shown
from director.provisioning.clients import Clients
from director.resources.job_targets import Call, Message, Target, aimed, asked_for, mask_of, set_target, target_of
from director.resources.rules import where_said

PAGE = 500
UTC = "Etc/UTC"
DEADLINE = timedelta(minutes=3)  # what Cloud Scheduler gives a call where nothing is said
ENABLED, PAUSED, BROKEN = Job.State.ENABLED.name, Job.State.PAUSED.name, Job.State.UPDATE_FAILED.name
_MASK = {
    "schedule": "schedule",
    "time_zone": "time_zone",
    "description": "description",
    "retry": "retry_config",
    "attempt_deadline": "attempt_deadline",
}


@dataclass(frozen=True, slots=True)
class Retry:
    """As in documents."""

    max_attempts: int = 0
    max_duration: timedelta = timedelta(0)
    min_backoff: timedelta = timedelta(seconds=5)
    max_backoff: timedelta = timedelta(hours=1)
    max_doublings: int = 5

    def __str__(self) -> str:
        return ", ".join(f"{each.name} {shown(getattr(self, each.name))}" for each in fields(self))


def running(live: str, wanted: str) -> Verdict | None:
    if live == wanted:
        return None
    if live not in (ENABLED, PAUSED, BROKEN):
        reason = f"{live}: Cloud Scheduler itself stopped it; see its logs, then delete the job and apply again"
        return Verdict("refuse", reason)
    return Verdict("update", f"{live} -> {wanted}")


@dataclass(frozen=True, slots=True)
class State:
    schedule: str
    time_zone: str = UTC
    description: str = ""
    state: Annotated[str, running] = ENABLED
    retry: Retry = Retry()
    attempt_deadline: Annotated[timedelta | None, where_said] = None
    target: Annotated[Target | None, aimed] = None


def wanted(context: Context, spec: SchedulerJob) -> Wanted[State]:
    retry = spec.retry
    target = _target(context, spec)
    state = State(
        schedule=spec.schedule,
        time_zone=_zone(spec.time_zone),
        description=spec.description,
        state=PAUSED if spec.paused else ENABLED,
        retry=Retry(retry.max_attempts, retry.max_duration, retry.min_backoff, retry.max_backoff, retry.max_doublings),
        attempt_deadline=None if spec.topic else spec.attempt_deadline or DEADLINE,
        target=target,
    )
    return Wanted(
        *keys.scheduler_job(context.project, spec.region or context.architecture.region, spec.name),
        state,
        owner=None,
        needs=tuple(_needs(context, spec)),
        services=frozenset({spec.target_service} if spec.target_service else ()),
        waits="" if target else _waits(context, spec),
    )


def _target(context: Context, spec: SchedulerJob) -> Target | None:
    if spec.topic is not None:
        return Message(keys.topic(context.project, spec.topic)[1], spec.data, spec.attributes)
    if spec.http is not None:
        account = _email(context, spec.http.service_account)
        audience = spec.http.audience or (spec.http.uri if account else "")
        headers = asked_for(spec.http.headers)
        return Call(spec.http.uri, spec.http.method, headers, spec.http.body, account, audience)
    url = context.service_urls.get(spec.target_service or "", "")
    if not url.startswith("https://"):
        return None
    return Call(url, body=spec.message_body, account=_email(context, spec.caller), audience=url)


def _waits(context: Context, spec: SchedulerJob) -> str:
    if spec.target_service in context.service_urls:
        return f"the address of service '{spec.target_service}' that was given does not begin with https://"
    return f"waits for the address of service '{spec.target_service}', known once that is deployed"


def _needs(context: Context, spec: SchedulerJob) -> list[Key]:
    """The topic, and the account where the dataflow makes it."""
    topics = [keys.topic(context.project, spec.topic)] if spec.topic is not None else []
    caller = spec.http.service_account if spec.http else spec.caller if spec.target_service else None
    declared = context.architecture.dataflows[context.dataflow].resources.service_accounts
    accounts = (keys.service_account(context.project, one.name) for one in declared)
    return topics + [account for account in accounts if account[1] == _email(context, caller)]


def _email(context: Context, account: str | None) -> str:
    if account is None:
        return ""
    return account if "@" in account else keys.service_account(context.project, account)[1]


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    transport = CloudSchedulerGrpcTransport(channel=clients.channel("cloudscheduler"))
    return Jobs(CloudSchedulerClient(transport=transport))


class Jobs:
    """Jobs through Google's client."""

    def __init__(self, client: CloudSchedulerClient) -> None:
        self._client: Any = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_job(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        return _observed(found)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for location in {name.rpartition("/jobs/")[0] for name in names}:
            request = {"parent": location, "page_size": PAGE}
            jobs = self._client.list_jobs(request=request, retry=None, timeout=CALL_TIMEOUT)
            found |= {job.name: _observed(job) for job in jobs if job.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        """Cloud Scheduler makes no paused jobs: one that is to be paused may run before it is."""
        parent = wanted.full_name.rpartition("/jobs/")[0]
        request = {"parent": parent, "job": _message(wanted)}
        self._client.create_job(request=request, retry=None, timeout=CALL_TIMEOUT)
        if wanted.state.state == PAUSED:
            self._turn(wanted)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        mask = sorted(_MASK[name] for name in fields if name in _MASK)
        if wanted.state.target is not None and ("target" in fields or observed.state.state == BROKEN):
            mask.append(mask_of(wanted.state.target))
        if mask or observed.state.state == BROKEN:
            request = {"job": _message(wanted), "update_mask": {"paths": mask or ["schedule"]}}
            self._client.update_job(request=request, retry=None, timeout=CALL_TIMEOUT)
        if "state" in fields:
            self._turn(wanted)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """None: a job is what the document says of it."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        self._client.delete_job(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)

    def _turn(self, wanted: Wanted[State]) -> None:
        """Refused for a job that is as wanted already, after an answer that was lost."""
        name = wanted.full_name
        try:
            if wanted.state.state == PAUSED:
                self._client.pause_job(name=name, retry=None, timeout=CALL_TIMEOUT)
            else:
                self._client.resume_job(name=name, retry=None, timeout=CALL_TIMEOUT)
        except FailedPrecondition:
            if self._client.get_job(name=name, retry=None, timeout=CALL_TIMEOUT).state.name != wanted.state.state:
                raise


def _observed(job: Any) -> Observed[State]:
    config = job.retry_config
    state = State(
        schedule=job.schedule,
        time_zone=_zone(job.time_zone),
        description=job.description,
        state=job.state.name,
        retry=Retry(
            config.retry_count,
            config.max_retry_duration or timedelta(0),
            config.min_backoff_duration or timedelta(seconds=5),
            config.max_backoff_duration or timedelta(hours=1),
            config.max_doublings or 5,
        ),
        attempt_deadline=job.attempt_deadline or None,
        target=target_of(job),
    )
    return Observed(state, None)


def _zone(name: str) -> str:
    return UTC if name.upper() in ("", "UTC", "ETC/UTC") else name


def _message(wanted: Wanted[State]) -> Any:
    state = wanted.state
    retry = state.retry
    job = Job(
        name=wanted.full_name,
        schedule=state.schedule,
        time_zone=state.time_zone,
        description=state.description,
        retry_config={
            "retry_count": retry.max_attempts,
            "max_retry_duration": retry.max_duration,
            "min_backoff_duration": retry.min_backoff,
            "max_backoff_duration": retry.max_backoff,
            "max_doublings": retry.max_doublings,
        },
        attempt_deadline=state.attempt_deadline,
    )
    if state.target is not None:
        set_target(job, state.target)
    return job
