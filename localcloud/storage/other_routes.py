"""The door for everything of the JSON API that is not here: it says so."""

from aiohttp import web

from localcloud.rest import RestService, route
from localcloud.storage.errors import unsupported


class OtherRoutes(RestService):
    """The router tries longer paths first, so only what no other route takes comes here."""

    short = "storage"

    @route("*", "/storage/v1/{rest:.*}", "unsupported")
    @route("*", "/upload/storage/v1/{rest:.*}", "unsupported")
    @route("*", "/download/storage/v1/{rest:.*}", "unsupported")
    async def refuse(self, request: web.Request) -> web.Response:
        raise unsupported(f"{request.method} {request.path}")
