"""The door for listeners."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from localcloud.faults import Call
from localcloud.firestore.database import Database
from localcloud.firestore.messages import ListenRequest
from localcloud.firestore.query_rpcs import QueryRpcs
from localcloud.firestore.watching import Watch, consistent, removed
from localcloud.rpc import bidi, invalid_argument


class ListenRpcs(QueryRpcs):
    @bidi(ListenRequest)
    async def Listen(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Commits are told of one batch at a time: those that come while a listener is told are in the next.

        Faults strike each request as `firestore.Listen`, and each batch of news as `firestore.Listen.tell`.
        """
        first = await anext(aiter(requests), None)
        if first is None:
            return
        listener = _Listener(self._store.database(first.database))
        asked: asyncio.Queue[Any] = asyncio.Queue()
        asked.put_nowait(first)
        reading = asyncio.create_task(_read(requests, asked))
        stop_listening = listener.database.listen(lambda: asked.put_nowait(None))
        try:
            while not (reading.done() and asked.empty()):
                for request in await _all_waiting(asked):
                    if request is not None:
                        await self.faults.before(Call("firestore.Listen", request.database, request.SerializeToString))
                        for response in listener.asked(request):
                            yield response
                if news := listener.news():
                    await self.faults.before(Call("firestore.Listen.tell", first.database))
                for response in news:
                    yield response
        finally:
            stop_listening()
            reading.cancel()


class _Listener:
    """The targets of one stream."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._watches: dict[int, Watch] = {}

    def asked(self, request: Any) -> Iterable[Any]:
        """Raises RpcError for a target that cannot be."""
        kind = request.WhichOneof("target_change")
        if kind == "add_target":
            watch = Watch(self.database, request.add_target)
            self._watches[watch.id] = watch
            return [*watch.begun(), consistent(self.database.now())]
        if kind == "remove_target":
            self._watches.pop(request.remove_target, None)
            return [removed(request.remove_target)]
        raise invalid_argument("A listen request must add or remove a target.")

    def news(self) -> list[Any]:
        told = [response for watch in self._watches.values() for response in watch.news()]
        return [*told, consistent(self.database.now())] if told else []


async def _read(requests: AsyncIterator[Any], asked: asyncio.Queue[Any]) -> None:
    async for request in requests:
        asked.put_nowait(request)
    asked.put_nowait(None)  # so that the listener sees the end


async def _all_waiting(asked: asyncio.Queue[Any]) -> list[Any]:
    """Requests, and None for each commit since: at least one of them."""
    waiting = [await asked.get()]
    while not asked.empty():
        waiting.append(asked.get_nowait())
    return waiting
