"""What Cloud Scheduler takes of a job, with the defaults filled in. All of it raises RpcError.

Source: https://cloud.google.com/scheduler/docs/reference/rpc/google.cloud.scheduler.v1
"""

import re
from typing import Any
from zoneinfo import available_timezones

from localcloud.rpc import invalid_argument, unsupported
from localcloud.scheduler.messages import HttpMethod, Job

SETTABLE = (
    "name", "description", "pubsub_target", "http_target", "schedule", "time_zone", "retry_config", "attempt_deadline",
)  # fmt: skip
OUTPUT_ONLY = ("user_update_time", "state", "status", "schedule_time", "last_attempt_time")
CHANGEABLE = tuple(name for name in SETTABLE if name != "name")
LONGEST_DESCRIPTION = 500
DEADLINE = (15, 30 * 60)  # seconds
DEFAULT_DEADLINE = 180
MOST_RETRIES = 5
USER_AGENT = "Google-Cloud-Scheduler"
WITH_BODY = (HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH)

_PARENT = re.compile(r"projects/[^/]+/locations/[a-z]+(-[a-z]+\d+)?")
_NAME = re.compile(rf"({_PARENT.pattern})/jobs/[A-Za-z0-9_-]{{1,500}}")
_TOPIC = re.compile(r"(projects/[^/]+)/topics/[^/]+")
_CRON = re.compile(r"[-\d*/,A-Z]+( [-\d*/,A-Z]+){4}")
_WORDS = re.compile(r"every .+|\d+(st|nd|rd|th) .+")


def check_parent(parent: str) -> None:
    if not _PARENT.fullmatch(parent):
        raise invalid_argument(f"Invalid parent: {parent!r} is no location, such as projects/p/locations/europe-west1.")


def check_name(name: str, parent: str = "") -> None:
    found = _NAME.fullmatch(name)
    if not found or (parent and found[1] != parent):
        raise invalid_argument(f"Job name {name!r} must be {parent or 'projects/P/locations/L'}/jobs/JOB_ID.")


def complete(wanted: Any) -> Any:
    """The job as it is kept."""
    job = Job()
    job.CopyFrom(wanted)
    for field, _ in wanted.ListFields():
        if field.name in OUTPUT_ONLY:
            job.ClearField(field.name)
        elif field.name not in SETTABLE:
            raise unsupported(f"{field.name} of a job")
    _check_when(job)
    _check_retries(job)
    if job.HasField("pubsub_target"):
        _check_message(job)
    elif job.HasField("http_target"):
        _check_call(job)
    else:
        raise invalid_argument("Job target must be set.")
    return job


def changed(current: Any, request: Any) -> Any:
    """The job as an update wants it."""
    paths = list(request.update_mask.paths)
    if not paths:
        raise invalid_argument("The update mask must name the fields to change.")
    job = Job()
    job.CopyFrom(current)
    for path in paths:
        if path not in CHANGEABLE:
            raise invalid_argument(f"Invalid mask for Job: {path}")
        job.ClearField(path)
        value = getattr(request.job, path)
        if hasattr(value, "CopyFrom"):
            if request.job.HasField(path):
                getattr(job, path).CopyFrom(value)
        else:
            setattr(job, path, value)
    if job.WhichOneof("target") != current.WhichOneof("target"):
        raise invalid_argument("The type of a job's target cannot be changed.")
    new = complete(job)
    new.MergeFrom(_output(current))
    return new


def _output(job: Any) -> Any:
    """What of the job is Cloud Scheduler's own."""
    own = Job()
    own.CopyFrom(job)
    for name in SETTABLE:
        own.ClearField(name)
    return own


def _check_when(job: Any) -> None:
    if not (_CRON.fullmatch(job.schedule) or _WORDS.fullmatch(job.schedule)):
        raise invalid_argument(f"Schedule or time zone is invalid: {job.schedule!r}.")
    job.time_zone = job.time_zone or "UTC"
    if job.time_zone.upper() != "UTC" and job.time_zone not in available_timezones():
        raise invalid_argument(f"Schedule or time zone is invalid: {job.time_zone!r}.")
    if len(job.description) > LONGEST_DESCRIPTION:
        raise invalid_argument(f"The description is longer than {LONGEST_DESCRIPTION} characters.")


def _check_retries(job: Any) -> None:
    config = job.retry_config
    if not 0 <= config.retry_count <= MOST_RETRIES:
        raise invalid_argument(f"RetryConfig.retry_count must be from 0 to {MOST_RETRIES}.")
    if not config.HasField("min_backoff_duration"):
        config.min_backoff_duration.FromSeconds(5)
    if not config.HasField("max_backoff_duration"):
        config.max_backoff_duration.FromSeconds(3600)
    if not config.HasField("max_retry_duration"):
        config.max_retry_duration.FromSeconds(0)
    config.max_doublings = config.max_doublings or 5
    if config.min_backoff_duration.ToTimedelta() > config.max_backoff_duration.ToTimedelta():
        raise invalid_argument("RetryConfig.min_backoff_duration is above max_backoff_duration.")


def _check_message(job: Any) -> None:
    target = job.pubsub_target
    found = _TOPIC.fullmatch(target.topic_name)
    if not found or not job.name.startswith(f"{found[1]}/"):
        raise invalid_argument(f"Topic {target.topic_name!r} is none of this job's project.")
    if not target.data and not target.attributes:
        raise invalid_argument("Pubsub message must contain either non-empty data, or at least one attribute.")
    job.ClearField("attempt_deadline")


def _check_call(job: Any) -> None:
    target = job.http_target
    if not re.fullmatch(r"https?://[^\s]{1,2075}", target.uri):
        raise invalid_argument(f"HttpTarget.url is invalid: {target.uri!r}.")
    target.http_method = target.http_method or HttpMethod.POST
    if target.body and target.http_method not in WITH_BODY:
        raise invalid_argument("HttpTarget.body is allowed with POST, PUT and PATCH only.")
    if target.HasField("oauth_token"):
        raise unsupported("OAuth tokens of jobs")
    if target.HasField("oidc_token") and not target.oidc_token.audience:
        target.oidc_token.audience = target.uri
    target.headers["User-Agent"] = USER_AGENT
    if target.body and "content-type" not in {name.lower() for name in target.headers}:
        target.headers["Content-Type"] = "application/octet-stream"
    if not job.HasField("attempt_deadline"):
        job.attempt_deadline.FromSeconds(DEFAULT_DEADLINE)
    if not DEADLINE[0] <= job.attempt_deadline.ToTimedelta().total_seconds() <= DEADLINE[1]:
        raise invalid_argument("Job.attempt_deadline must be from 15 s to 30 min.")
