"""All export subscriptions of the machine: checked when they are made, and each with a task of its own."""

import asyncio
import logging
from typing import Any

import grpc

from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.exports import settings
from localcloud.pubsub.exports.delivery import BucketExport, Leases, TableExport
from localcloud.pubsub.exports.destinations import Destinations, Unavailable, Unwritable
from localcloud.pubsub.exports.rows import Rows
from localcloud.pubsub.resources import Subscription
from localcloud.rpc import RpcError

log = logging.getLogger(__name__)

_CODES = {
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
    "SCHEMA_MISMATCH": grpc.StatusCode.INVALID_ARGUMENT,
}


class Exports:
    """Keeps a task for each export subscription there is, and for no other."""

    def __init__(self, exchange: Exchange, destinations: Destinations) -> None:
        self._exchange = exchange
        self._destinations = destinations
        self._tasks: dict[Subscription, tuple[str, asyncio.Task[None]]] = {}

    async def check(self, config: Any) -> None:
        """Raises RpcError where the destination is not there or does not fit."""
        try:
            if config.HasField(settings.BIGQUERY):
                columns = await self._destinations.tables.columns(settings.table(config.bigquery_config))
                Rows(config.bigquery_config, config.name, columns)
            if config.HasField(settings.STORAGE):
                await self._destinations.buckets.check(config.cloud_storage_config.bucket)
        except Unwritable as error:
            raise RpcError(_CODES[error.why], f"The destination cannot be written to: {error}") from error
        except Unavailable as error:
            raise RpcError(grpc.StatusCode.UNAVAILABLE, f"The destination does not answer: {error}") from error

    def tick(self) -> None:
        """Begins and ends tasks as subscriptions come, change and go."""
        wanted = {
            each: kind
            for each in self._exchange.subscriptions.values()
            if (kind := settings.kind(each.config)) and not each.config.detached
        }
        for subscription, (kind, task) in list(self._tasks.items()):
            if wanted.get(subscription) != kind or task.done():
                self._end(subscription, task)
        for subscription, kind in wanted.items():
            if subscription not in self._tasks:
                self._tasks[subscription] = kind, asyncio.create_task(self._export(subscription, kind).run())

    async def stop(self) -> None:
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _export(self, subscription: Subscription, kind: str) -> TableExport | BucketExport:
        leases = Leases(self._exchange, subscription)
        if kind == settings.BIGQUERY:
            return TableExport(leases, self._destinations.tables)
        return BucketExport(leases, self._destinations.buckets)

    def _end(self, subscription: Subscription, task: asyncio.Task[None]) -> None:
        """What the task held is to be delivered again, if anyone is still there to receive it."""
        del self._tasks[subscription]
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.critical("the export of %s ended and begins anew", subscription.name, exc_info=error)
        task.cancel()
        if self._exchange.subscriptions.get(subscription.name) is subscription and not subscription.config.detached:
            self._exchange.rewind(subscription, subscription.backlog.messages())
