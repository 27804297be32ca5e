"""BigQuery and Cloud Storage as anyone reaches them: over HTTP, so that their faults and checks hold here too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from localcloud.pubsub.exports.destinations import Column, Unavailable, Unwritable, Why

SECONDS = 30.0  # for one call
PRECONDITION_FAILED = 412
_WHY: dict[int, Why] = {401: "PERMISSION_DENIED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


class Refused(Exception):
    """A request that can never succeed as it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Http:
    """Calls to the address that `address` tells once the server is there."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    async def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Any:
        """The JSON of the answer. Raises Unwritable, Unavailable, and Refused for every other 4xx."""
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SECONDS)) as session,
                session.request(
                    method, f"http://{self._address()}{path}", data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        if response.status < 300:
            return orjson.loads(content)
        message = f"HTTP {response.status}: {_message(content)}"
        if response.status in _WHY:
            raise Unwritable(_WHY[response.status], message)
        if response.status < 500 and response.status not in (408, 429):
            raise Refused(response.status, message)
        raise Unavailable(message)


class HttpTables:
    """Rows through tabledata.insertAll, without insert ids: a lost answer may double them, as in the real service."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def columns(self, table: str) -> Sequence[Column]:
        found = await self._http.call("GET", _table_path(table))
        if found.get("type") != "TABLE":
            raise Unwritable("SCHEMA_MISMATCH", f"{table} is a {found.get('type')}, not a table")
        return _columns(found.get("schema", {}))

    async def insert(self, table: str, rows: Sequence[Mapping[str, Any]], drop_unknown: bool) -> Mapping[int, str]:
        request = {
            "rows": [{"json": row} for row in rows],
            "skipInvalidRows": True,
            "ignoreUnknownValues": drop_unknown,
        }
        try:
            answer = await self._http.call(
                "POST", f"{_table_path(table)}/insertAll", orjson.dumps(request), "application/json"
            )
        except Refused as error:
            return dict.fromkeys(range(len(rows)), str(error))
        return {one["index"]: one["errors"][0]["message"] for one in answer.get("insertErrors", ())}


class HttpBuckets:
    """Objects in one request each. Nobody else uses these names: one that is there is ours, and its answer was lost."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def check(self, bucket: str) -> None:
        await self._http.call("GET", f"/storage/v1/b/{quote(bucket, safe='')}")

    async def write(self, bucket: str, name: str, content: bytes, content_type: str) -> None:
        path = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o"
        query = f"uploadType=media&ifGenerationMatch=0&name={quote(name, safe='')}"
        try:
            await self._http.call("POST", f"{path}?{query}", content, content_type)
        except Refused as error:
            if error.status == PRECONDITION_FAILED:
                return
            raise Unwritable("PERMISSION_DENIED", str(error)) from error


def _table_path(table: str) -> str:
    project, dataset, name = (quote(part, safe="") for part in table.rsplit(".", 2))
    return f"/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{name}"


def _columns(resource: Mapping[str, Any]) -> tuple[Column, ...]:
    return tuple(Column(each["name"], each["type"], _columns(each)) for each in resource.get("fields", ()))


def _message(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return content[:200].decode(errors="replace")
