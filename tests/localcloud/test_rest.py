"""Plain classes become REST services: routes, Google's error body, faults, over real HTTP."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from localcloud.faults import Fault, Faults
from localcloud.rest import HttpError, RestService, route


class Shelf(RestService):
    short = "shelf"

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self.taken: list[str] = []

    @route("GET", "/books/{book}", "books.get")
    @route("GET", "/v2/books/{book}", "books.get")
    async def get(self, request: web.Request) -> web.Response:
        self.taken.append(request.match_info["book"])
        return web.json_response({"book": request.match_info["book"]})

    @route("POST", "/books", "books.insert")
    async def insert(self, request: web.Request) -> web.Response:
        raise HttpError(412, "conditionNotMet", "not this one")


def answers(shelf: Shelf, *requests: tuple[str, str]) -> list[tuple[int, Any]]:
    """Status and JSON of each (method, path)."""

    async def run() -> list[tuple[int, Any]]:
        app = web.Application()
        shelf.add_to(app)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
                return [await answer(session, method, base + path) for method, path in requests]
        finally:
            await runner.cleanup()

    async def answer(session: aiohttp.ClientSession, method: str, url: str) -> tuple[int, Any]:
        async with session.request(method, url, data=b"some poison here") as response:
            return response.status, await response.json()

    return asyncio.run(run())


def test_every_route_of_a_method_leads_to_it() -> None:
    assert answers(Shelf(Faults()), ("GET", "/books/a"), ("GET", "/v2/books/b")) == [
        (200, {"book": "a"}),
        (200, {"book": "b"}),
    ]


def test_an_error_has_google_s_body() -> None:
    [(status, body)] = answers(Shelf(Faults()), ("POST", "/books"))
    assert status == 412
    assert body["error"]["code"] == 412
    assert body["error"]["message"] == "not this one"
    assert body["error"]["errors"][0]["reason"] == "conditionNotMet"


@pytest.mark.parametrize(("when", "taken"), [("before", []), ("after", ["a"])])
def test_a_fault_strikes_before_or_after_the_effect(when: Any, taken: list[str]) -> None:
    faults = Faults()
    faults.add(Fault(method="shelf.books.get", when=when, code="RESOURCE_EXHAUSTED", calls=1))
    shelf = Shelf(faults)
    [(struck, _), (passed, _)] = answers(shelf, ("GET", "/books/a"), ("GET", "/books/b"))
    assert (struck, passed) == (429, 200)
    assert shelf.taken == [*taken, "b"]


def test_a_fault_can_look_into_the_body() -> None:
    faults = Faults()
    faults.add(Fault(marker="poison"))
    assert [status for status, _ in answers(Shelf(faults), ("GET", "/books/a"))] == [503]


def test_a_reset_cuts_the_connection() -> None:
    faults = Faults()
    faults.add(Fault(action="reset"))
    with pytest.raises(aiohttp.ClientConnectionError):
        answers(Shelf(faults), ("GET", "/books/a"))
