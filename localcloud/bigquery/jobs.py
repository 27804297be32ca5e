"""Query jobs: started, waited for, and looked up again with their results.

Results are kept in memory, the newest ones. A job that changed something is recorded in the same transaction, so that a
client that asks again after a crash, or starts the job again, is told that it ran.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.database import Database, Transaction
from localcloud.bigquery.errors import duplicate, not_found
from localcloud.bigquery.queries import Answer, Queries, Request
from localcloud.bigquery.results import Result
from localcloud.clock import Clock
from localcloud.rest import HttpError

_LOG = logging.getLogger(__name__)
MOST_JOBS = 1000
MOST_RESULT_BYTES = 256 << 20
LOCATION = "US"
ANONYMOUS = "_localcloud_results"


@dataclass(slots=True)
class Job:
    """`answer` or `error` once it is done. Times in milliseconds."""

    project: str
    job_id: str
    configuration: Mapping[str, Any]
    created: int
    request_id: str | None = None
    ended: int = 0
    answer: Answer | None = None
    error: HttpError | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> str:
        return f"{self.project}:{LOCATION}.{self.job_id}"

    @property
    def reference(self) -> dict[str, str]:
        return {"projectId": self.project, "jobId": self.job_id, "location": LOCATION}

    def resource(self) -> dict[str, Any]:
        done = self.finished.is_set()
        status: dict[str, Any] = {"state": "DONE" if done else "RUNNING"}
        if self.error is not None:
            problem = {"reason": self.error.reason, "message": self.error.message}
            status |= {"errorResult": problem, "errors": [problem]}
        statistics: dict[str, Any] = {"creationTime": str(self.created), "startTime": str(self.created)}
        if done:
            statistics |= {"endTime": str(self.ended), "totalBytesProcessed": "0"}
        if self.answer is not None:
            statistics["query"] = self.answer.statistics()
        return {
            "kind": "bigquery#job",
            "id": self.key,
            "jobReference": self.reference,
            "configuration": self._configuration(),
            "statistics": statistics,
            "status": status,
        }

    def _configuration(self) -> dict[str, Any]:
        query = dict(self.configuration.get("query") or {})
        query.setdefault("destinationTable", self.results_table)
        return {**self.configuration, "jobType": "QUERY", "query": query}

    @property
    def results_table(self) -> dict[str, str]:
        """Where the result can be listed when no table was asked for."""
        return {"projectId": self.project, "datasetId": ANONYMOUS, "tableId": f"anon{self.job_id.replace('-', '_')}"}


class Jobs:
    """All jobs, the oldest finished ones forgotten first."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._queries = Queries(database, catalog, clock)
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for key, body in database.records("job"):
            self._jobs[key] = _job_from(json.loads(body))

    def start_once(self, project: str, configuration: Mapping[str, Any], request_id: str | None) -> Job:
        """The job of a request that may have been made before; one that failed is started again."""
        for job in self.jobs(project) if request_id else ():
            if job.request_id == request_id and job.error is None:
                return job
        return self.start(project, configuration, None, request_id)

    def start(
        self, project: str, configuration: Mapping[str, Any], job_id: str | None, request_id: str | None = None
    ) -> Job:
        """Raises HttpError if there is such a job already, or it is none that runs here."""
        job = Job(project, job_id or f"job_{uuid.uuid4().hex}", configuration, self._now(), request_id)
        if job.key in self._jobs:
            raise duplicate(f"Job {job.key}")
        request = Request.of(project, configuration)
        self._jobs[job.key] = job
        self._tasks[job.key] = asyncio.create_task(self._run(job, request))
        self._forget_oldest()
        return job

    async def dry_run(self, project: str, configuration: Mapping[str, Any]) -> Answer:
        """What a query would be. Raises HttpError for one that could not run."""
        return await self._queries.dry_run(Request.of(project, configuration))

    def job(self, project: str, job_id: str) -> Job:
        key = f"{project}:{LOCATION}.{job_id}"
        if key not in self._jobs:
            raise not_found(f"Job {key}")
        return self._jobs[key]

    def jobs(self, project: str) -> list[Job]:
        """The newest first."""
        return [job for job in reversed(self._jobs.values()) if job.project == project]

    async def wait(self, job: Job, seconds: float) -> bool:
        """Whether it is done, after at most that long."""
        try:
            await asyncio.wait_for(job.finished.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def cancel(self, job: Job) -> None:
        """Ends a job that is still running; a change that has begun is still made."""
        if task := self._tasks.get(job.key):
            task.cancel()

    def delete(self, job: Job) -> None:
        self.cancel(job)
        self._jobs.pop(job.key, None)

    def result_of(self, dataset: str, table: str) -> Result | None:
        """The result listed under the table that `Job.results_table` names."""
        if dataset != ANONYMOUS:
            return None
        jobs = (job for job in self._jobs.values() if job.results_table["tableId"] == table)
        job = next(jobs, None)
        return job.answer.result if job is not None and job.answer is not None else None

    async def stop(self) -> None:
        """Cancels whatever runs."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, job: Job, request: Request) -> None:
        try:
            job.answer = await self._queries.run(request, lambda tx, answer: self._record(tx, job, answer))
        except HttpError as error:
            job.error = error
        except asyncio.CancelledError:
            job.error = HttpError(499, "stopped", "Job execution was cancelled: User requested cancellation")
        except Exception as error:  # a fault of ours must reach whoever waits for the job
            _LOG.exception("query failed: %s", request.sql)
            job.error = HttpError(400, "invalidQuery", f"localcloud failed on this query: {error!r}")
        finally:
            job.ended = self._now()
            job.finished.set()
            self._tasks.pop(job.key, None)

    def _record(self, transaction: Transaction, job: Job, answer: Answer) -> None:
        body = {
            "project": job.project,
            "jobId": job.job_id,
            "configuration": job.configuration,
            "created": job.created,
            "statistics": answer.statistics(),
        }
        transaction.keep("job", job.key, json.dumps(body))

    def _forget_oldest(self) -> None:
        done = [job for job in self._jobs.values() if job.finished.is_set()]
        size = sum(_size(job) for job in done)
        for job in done:
            if len(self._jobs) <= MOST_JOBS and size <= MOST_RESULT_BYTES:
                return
            size -= _size(job)
            del self._jobs[job.key]

    def _now(self) -> int:
        return self._clock.time_ns() // 1_000_000


def _size(job: Job) -> int:
    result = job.answer.result if job.answer is not None else None
    return int(result.rows.nbytes) if result is not None else 0


def _job_from(body: Any) -> Job:
    job = Job(body["project"], body["jobId"], body["configuration"], body["created"], ended=body["created"])
    job.answer = Answer(None, body["statistics"])
    job.finished.set()
    return job
