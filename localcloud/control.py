"""The HTTP door for tests and demos: faults and the clock of a running localcloud."""

from dataclasses import asdict

from aiohttp import web

from localcloud.clock import Clock
from localcloud.faults import Fault, Faults
from localcloud.rest import HttpError, RestService, route


class Control(RestService):
    """`/localcloud/v1/…`; never struck by faults itself, or they could not be taken back."""

    short = "localcloud"

    def __init__(self, faults: Faults, clock: Clock) -> None:
        super().__init__(Faults())
        self._faults = faults
        self._clock = clock

    @route("GET", "/localcloud/v1/faults", "faults.list")
    async def list_faults(self, request: web.Request) -> web.Response:
        return web.json_response({"faults": self._faults.active()})

    @route("POST", "/localcloud/v1/faults", "faults.add")
    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault(**await request.json())
        except (TypeError, ValueError) as error:
            raise HttpError(400, "invalid", f"not a fault: {error}") from error
        return web.json_response({"id": self._faults.add(fault)})

    @route("DELETE", "/localcloud/v1/faults", "faults.clear")
    async def clear_faults(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({})

    @route("DELETE", "/localcloud/v1/faults/{id:[0-9]+}", "faults.remove")
    async def remove_fault(self, request: web.Request) -> web.Response:
        self._faults.remove(int(request.match_info["id"]))
        return web.json_response({})

    @route("GET", "/localcloud/v1/faults/log", "faults.log")
    async def log(self, request: web.Request) -> web.Response:
        return web.json_response({"decisions": [asdict(decision) for decision in self._faults.log]})

    @route("POST", "/localcloud/v1/clock:advance", "clock.advance")
    async def advance(self, request: web.Request) -> web.Response:
        try:
            self._clock.advance(float((await request.json())["seconds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise HttpError(400, "invalid", f"advance takes a number of seconds: {error}") from error
        return web.json_response({"time": self._clock.time()})
