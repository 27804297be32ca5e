"""All jobs, and what may become of each: queued, running, then drained, cancelled, updated or failed.

Starting and ending are asked of the faults, as if `dataflow.jobs.start` and `dataflow.jobs.end` were methods on a job
(`projects/P/locations/L/jobs/NAME`); the body of the first is the launch:

    faults.add(Fault(method="dataflow.jobs.start", marker="broken", message="..."))   # it fails instead of running
    faults.add(Fault(method="dataflow.jobs.end", action="hang"))                      # it stays draining

Source: https://cloud.google.com/dataflow/docs/reference/rpc/google.dataflow.v1beta3
"""

import asyncio
import itertools
import random
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from localcloud.clock import Clock
from localcloud.dataflow.launching import Launch, Launcher
from localcloud.dataflow.messages import (
    CANCELLED,
    CANCELLING,
    DRAINED,
    DRAINING,
    FAILED,
    QUEUED,
    RUNNING,
    TERMINAL,
    UPDATED,
    Job,
    JobState,
)
from localcloud.faults import Call, Faults, Struck
from localcloud.rpc import RpcError, already_exists, failed_precondition, invalid_argument, not_found

STREAMING = 2


class Jobs:
    """In memory, by id."""

    def __init__(self, clock: Clock, faults: Faults, launcher: Launcher) -> None:
        self._clock = clock
        self._faults = faults
        self._launcher = launcher
        self._known: dict[str, Any] = {}
        self._messages: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._working: set[asyncio.Task[None]] = set()

    def launch(self, project: str, region: str, wanted: Any) -> Any:
        """The queued job. Raises ALREADY_EXISTS for the name of an active one, unless that is to be updated."""
        active = [job for job in self.of(project, region) if job.name == wanted.job_name and active_state(job)]
        if active and not wanted.update:
            raise already_exists(
                f"There is already an active job named {wanted.job_name}. "
                "If you want to submit a second job, try again by setting a different name."
            )
        running = [job for job in active if job.current_state == RUNNING]
        if wanted.update and not running:
            raise failed_precondition(f"There is no running job named {wanted.job_name} to be updated.")
        job = self._made(project, region, wanted)
        job.replace_job_id = running[0].id if wanted.update else ""
        launch = Launch(
            project, region, job.id, job.name, wanted.container_spec_gcs_path, dict(wanted.parameters),
            wanted.environment, job.replace_job_id, dict(wanted.transform_name_mappings),
        )  # fmt: skip
        self._work(self._start(job, launch, wanted.SerializeToString))
        return job

    def of(self, project: str, region: str) -> Iterator[Any]:
        """Newest first; `-` for any region."""
        for job in reversed(self._known.values()):
            if job.project_id == project and region in (job.location, "-"):
                yield job

    def found(self, project: str, region: str, job_id: str) -> Any:
        job = self._known.get(job_id)
        if job is None or (job.project_id, job.location) != (project, region):
            raise not_found(f"({job_id}): The job was not found in {project}, {region}.")
        return job

    def end(self, job: Any, state: int) -> None:
        """Asks it to drain or to cancel. Raises FAILED_PRECONDITION for what cannot."""
        if state not in (DRAINED, CANCELLED):
            raise invalid_argument(f"requested_state: {JobState(state).name} cannot be requested of a running job.")
        if not active_state(job):
            raise failed_precondition(f"({job.id}): Cannot modify a terminated job.")
        draining = state == DRAINED
        if job.current_state in ((DRAINING, CANCELLING) if draining else (CANCELLING,)):
            return
        if draining and job.current_state != RUNNING:
            raise failed_precondition(f"({job.id}): A job that is not running cannot be drained.")
        queued = job.current_state == QUEUED
        job.requested_state = state
        self._tell(job, DRAINING if draining else CANCELLING)
        self._work(self._ended(job, draining, queued))

    def message(self, job: Any) -> str:
        """Why it failed."""
        return self._messages.get(job.id, "")

    def close(self) -> None:
        for task in self._working:
            task.cancel()

    def _made(self, project: str, region: str, wanted: Any) -> Any:
        now = datetime.fromtimestamp(self._clock.time(), UTC)
        number = random.Random(next(self._numbers)).randrange(10**18, 10**19)  # noqa: S311 - an id, not a secret
        job = Job(id=f"{now:%Y-%m-%d_%H_%M_%S}-{number}", project_id=project, location=region, name=wanted.job_name)
        job.type_ = STREAMING
        job.labels.update(wanted.environment.additional_user_labels)
        job.environment.service_account_email = wanted.environment.service_account_email
        job.transform_name_mapping.update(wanted.transform_name_mappings)
        job.create_time.FromNanoseconds(self._clock.time_ns())
        self._known[job.id] = job
        self._tell(job, QUEUED)
        return job

    async def _start(self, job: Any, launch: Launch, body: Any) -> None:
        name = f"projects/{job.project_id}/locations/{job.location}/jobs/{job.name}"
        try:
            await self._faults.before(Call("dataflow.jobs.start", name, body))
            if job.current_state == QUEUED:
                await self._launcher.begin(launch, partial(self._tell, job))
        except Struck as struck:
            self._tell(job, FAILED, struck.fault.message)
        except RpcError as error:
            self._tell(job, FAILED, error.message)

    async def _ended(self, job: Any, drain: bool, queued: bool) -> None:
        name = f"projects/{job.project_id}/locations/{job.location}/jobs/{job.name}"
        try:
            await self._faults.before(Call("dataflow.jobs.end", name))
        except Struck as struck:
            self._tell(job, FAILED, struck.fault.message)
            return
        if queued:
            self._tell(job, CANCELLED)
        else:
            await self._launcher.end(job.id, drain)

    def _tell(self, job: Any, state: int, message: str = "") -> None:
        if job.current_state in TERMINAL or (state == RUNNING and job.current_state in (DRAINING, CANCELLING)):
            return
        # a job that is cancelled while it drains ends as cancelled, whoever is done with it first
        job.current_state = CANCELLED if (job.current_state, state) == (CANCELLING, DRAINED) else state
        job.current_state_time.FromNanoseconds(self._clock.time_ns())
        if message:
            self._messages[job.id] = message
        if state == RUNNING:
            job.start_time.CopyFrom(job.current_state_time)
            replaced = self._known.get(job.replace_job_id)
            if replaced is not None and active_state(replaced):
                replaced.replaced_by_job_id = job.id
                self._tell(replaced, UPDATED)

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)


def active_state(job: Any) -> bool:
    return job.current_state not in TERMINAL
