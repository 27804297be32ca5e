"""REST: query jobs and their results."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from localcloud.bigquery.doors import API, Door, answer, body_of, first_row, number, page
from localcloud.bigquery.errors import not_found, unsupported
from localcloud.bigquery.jobs import Job, Jobs
from localcloud.bigquery.queries import Answer
from localcloud.bigquery.schema import schema_resource
from localcloud.bigquery.wire import Encoding
from localcloud.faults import Faults
from localcloud.rest import route

LARGEST_PAGE = 10_000  # rows
LONGEST_WAIT = 10.0  # seconds a call waits for its query, unless told otherwise
_JOB_KEYS = ("labels", "dryRun", "jobTimeoutMs", "reservation")


class JobsDoor(Door):
    """Decodes, calls the jobs, encodes."""

    def __init__(self, faults: Faults, jobs: Jobs) -> None:
        super().__init__(faults)
        self._jobs = jobs

    @route("POST", f"{API}/jobs", "jobs.insert")
    async def insert(self, request: web.Request) -> web.Response:
        body, project = await body_of(request), request.match_info["project"]
        configuration = body.get("configuration") or {}
        if configuration.get("dryRun"):
            return answer(_dry_resource(project, configuration, await self._jobs.dry_run(project, configuration)))
        job = self._jobs.start(project, configuration, (body.get("jobReference") or {}).get("jobId"))
        return answer(job.resource())

    @route("POST", f"{API}/queries", "jobs.query")
    async def query(self, request: web.Request) -> web.Response:
        body, project = await body_of(request), request.match_info["project"]
        if body.get("queryResultsFormat") not in (None, "STRUCT_ENCODING"):
            raise unsupported(f"queryResultsFormat {body['queryResultsFormat']}")
        configuration = _configuration(body)
        if body.get("dryRun"):
            return answer(_dry_response(await self._jobs.dry_run(project, configuration)))
        job = self._jobs.start_once(project, configuration, body.get("requestId"))
        await self._jobs.wait(job, _seconds(body.get("timeoutMs")))
        encoding = _encoding(body.get("formatOptions") or {})
        rows = await asyncio.to_thread(_results, job, encoding, 0, body.get("maxResults"))
        return answer({"kind": "bigquery#queryResponse", **rows})

    @route("GET", f"{API}/queries/{{job}}", "jobs.getQueryResults")
    async def results(self, request: web.Request) -> web.Response:
        job = self._job(request)
        await self._jobs.wait(job, _seconds(request.query.get("timeoutMs")))
        prefix = "formatOptions."
        options = {key.removeprefix(prefix): value for key, value in request.query.items() if key.startswith(prefix)}
        start, size = first_row(request), number(request, "maxResults")
        rows = await asyncio.to_thread(_results, job, _encoding(options), start, size)
        return answer({"kind": "bigquery#getQueryResultsResponse", **rows})

    @route("GET", f"{API}/jobs/{{job}}", "jobs.get")
    async def get(self, request: web.Request) -> web.Response:
        return answer(self._job(request).resource())

    @route("GET", f"{API}/jobs", "jobs.list")
    async def list(self, request: web.Request) -> web.Response:
        jobs = self._jobs.jobs(request.match_info["project"])
        states = {state.upper() for state in request.query.getall("stateFilter", [])}
        shown = [job for job in jobs if not states or job.resource()["status"]["state"] in states]
        return page(request, "jobs", "bigquery#jobList", shown, _summary)

    @route("POST", f"{API}/jobs/{{job}}/cancel", "jobs.cancel")
    async def cancel(self, request: web.Request) -> web.Response:
        job = self._job(request)
        self._jobs.cancel(job)
        return answer({"kind": "bigquery#jobCancelResponse", "job": job.resource()})

    @route("DELETE", f"{API}/jobs/{{job}}/delete", "jobs.delete")
    async def delete(self, request: web.Request) -> web.Response:
        self._jobs.delete(self._job(request))
        return web.Response(status=204)

    def _job(self, request: web.Request) -> Job:
        return self._jobs.job(request.match_info["project"], request.match_info["job"])


def _configuration(body: Mapping[str, Any]) -> dict[str, Any]:
    """A jobs.query request as the configuration of a job."""
    outside = ("kind", "timeoutMs", "maxResults", "formatOptions", "requestId", "location", "jobCreationMode")
    query = {key: value for key, value in body.items() if key not in (*_JOB_KEYS, *outside)}
    return {"query": query, **{key: body[key] for key in _JOB_KEYS if key in body}}


def _seconds(milliseconds: Any) -> float:
    return LONGEST_WAIT if milliseconds is None else int(milliseconds) / 1000


def _encoding(options: Mapping[str, Any]) -> Encoding:
    if options.get("timestampOutputFormat") not in (None, "INT64", "FLOAT64", "TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED"):
        raise unsupported(f"timestampOutputFormat {options['timestampOutputFormat']}")
    whole = str(options.get("useInt64Timestamp", "")).lower() == "true"
    return Encoding(whole or options.get("timestampOutputFormat") == "INT64")


def _results(job: Job, encoding: Encoding, start: int, size: int | None) -> dict[str, Any]:
    """The part of queryResponse that both ways of asking share. Raises the job's error."""
    if job.error is not None:
        raise job.error
    resource: dict[str, Any] = {"jobReference": job.reference, "jobComplete": job.finished.is_set()}
    if job.answer is None:
        return resource
    facts = job.answer.statistics()
    resource |= {
        key: facts[key] for key in ("numDmlAffectedRows", "dmlStats", "cacheHit", "totalBytesProcessed") if key in facts
    }
    if job.answer.result is None:
        if facts["statementType"] == "SELECT":
            raise not_found(f"Job {job.key}: its result is no longer kept")
        return resource
    return resource | _rows(job.answer, encoding, start, size)


def _rows(answered: Answer, encoding: Encoding, start: int, size: int | None) -> dict[str, Any]:
    result = answered.result
    if result is None:
        return {}
    count = LARGEST_PAGE if size is None else min(int(size), LARGEST_PAGE)
    total = result.rows.num_rows
    resource = {
        "schema": schema_resource(result.schema),
        "totalRows": str(total),
        "rows": encoding.rows(result.rows.slice(start, count), result.schema),
    }
    if start + count < total:
        resource["pageToken"] = str(start + count)
    return resource


def _dry_resource(project: str, configuration: Mapping[str, Any], answered: Answer) -> dict[str, Any]:
    return {
        "kind": "bigquery#job",
        "jobReference": {"projectId": project, "location": "US"},
        "configuration": configuration,
        "statistics": {"totalBytesProcessed": "0", "query": answered.statistics()},
        "status": {"state": "DONE"},
    }


def _dry_response(answered: Answer) -> dict[str, Any]:
    resource: dict[str, Any] = {"kind": "bigquery#queryResponse", "jobComplete": True, "totalBytesProcessed": "0"}
    if "schema" in answered.facts:
        resource["schema"] = answered.facts["schema"]
    return resource


def _summary(job: Job) -> dict[str, Any]:
    resource = job.resource()
    return {**resource, "state": resource["status"]["state"]}
