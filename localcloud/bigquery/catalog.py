"""Datasets, tables and views: what they are called, how they look, and where their rows lie.

Rows of a table lie in a DuckDB table named by number, so that a table made anew under an old name starts empty. Every
change is part of a transaction and is visible here once that is durable.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcloud.bigquery import partitioning
from localcloud.bigquery.database import Database, Transaction
from localcloud.bigquery.entities import Dataset, Table, dataset_from, table_from
from localcloud.bigquery.errors import duplicate, in_use, invalid, not_found, precondition_failed, unsupported
from localcloud.bigquery.evolution import evolved
from localcloud.bigquery.names import DatasetName, TableName
from localcloud.bigquery.schema import (
    Resource,
    Schema,
    columns_definition,
    quoted,
    schema_from_resource,
)
from localcloud.clock import Clock

_DATASET_KEPT = (
    "friendlyName", "description", "labels", "access", "location", "defaultTableExpirationMs",
    "defaultPartitionExpirationMs", "maxTimeTravelHours", "storageBillingModel", "isCaseInsensitive", "resourceTags",
    "defaultEncryptionConfiguration", "defaultRoundingMode",
)  # fmt: skip
_TABLE_KEPT = (
    "friendlyName", "description", "labels", "timePartitioning", "rangePartitioning", "clustering", "expirationTime",
    "requirePartitionFilter", "view", "tableConstraints", "resourceTags", "encryptionConfiguration",
    "defaultRoundingMode",
)  # fmt: skip
_TABLE_NOT_HERE = (
    "externalDataConfiguration", "materializedView", "defaultCollation", "snapshotDefinition", "cloneDefinition",
    "biglakeConfiguration",
)  # fmt: skip


class Catalog:
    """Every dataset and table. Methods that take a transaction change it; the others only look."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._datasets: dict[DatasetName, Dataset] = {}
        self._tables: dict[TableName, Table] = {}
        for _, body in database.records("dataset"):
            dataset = dataset_from(json.loads(body))
            self._datasets[dataset.name] = dataset
        for _, body in database.records("table"):
            table = table_from(json.loads(body))
            self._tables[table.name] = table
        self._numbers = itertools.count(max((table.number for table in self._tables.values()), default=0) + 1)

    def dataset(self, name: DatasetName) -> Dataset:
        if name not in self._datasets:
            raise not_found(f"Dataset {name}")
        return self._datasets[name]

    def table(self, name: TableName) -> Table:
        """Raises HttpError if there is none, or no longer."""
        table = self.find(name)
        if table is None:
            self.dataset(name.parent)
            raise not_found(f"Table {name}")
        return table

    def find(self, name: TableName) -> Table | None:
        table = self._tables.get(name)
        return None if table is None or self._expired(table) else table

    def datasets(self, project: str) -> list[Dataset]:
        return [self._datasets[name] for name in sorted(self._datasets) if name.project == project]

    def tables(self, parent: DatasetName) -> list[Table]:
        self.dataset(parent)
        names = (name for name in sorted(self._tables) if name.parent == parent)
        return [self._tables[name] for name in names if not self._expired(self._tables[name])]

    def create_dataset(self, transaction: Transaction, name: DatasetName, resource: Resource) -> Dataset:
        if name in self._datasets:
            raise duplicate(f"Dataset {name}")
        now = self._now()
        return self._keep_dataset(transaction, Dataset(name, _chosen(resource, _DATASET_KEPT), now, now))

    def update_dataset(
        self, transaction: Transaction, name: DatasetName, resource: Resource, whole: bool, etag: str | None
    ) -> Dataset:
        """Replaces the settings, or with `whole` False only those named; a null takes a setting away."""
        old = self.dataset(name)
        _check_etag(old.etag, etag)
        settings = _changed(old.settings, resource, _DATASET_KEPT, whole)
        if settings.setdefault("location", old.location) != old.location:
            raise invalid("The location of a dataset cannot be changed")
        return self._keep_dataset(transaction, replace(old, settings=settings, modified=self._now()))

    def delete_dataset(self, transaction: Transaction, name: DatasetName, with_contents: bool) -> None:
        self.dataset(name)
        tables = [table for table in self._tables.values() if table.name.parent == name]
        if not with_contents and not all(self._expired(table) for table in tables):
            raise in_use(f"Dataset {name} is still in use")
        for table in tables:
            self._drop(transaction, table)
        transaction.keep("dataset", str(name), None)
        transaction.afterwards(lambda: self._datasets.pop(name, None))

    def create_table(
        self, transaction: Transaction, name: TableName, resource: Resource, schema: Schema, anew: bool = False
    ) -> Table:
        """With `anew` an existing table gives way."""
        dataset = self.dataset(name.parent)
        old = self._tables.get(name)
        if old is not None and not anew and not self._expired(old):
            raise duplicate(f"Table {name}")
        for key in _TABLE_NOT_HERE:
            if resource.get(key):
                raise unsupported(f"Table {name}: {key}")
        settings = self._with_defaults(_chosen(resource, _TABLE_KEPT), dataset)
        partitioning.check(settings, schema)
        if old is not None:
            self._drop(transaction, old)
        now = self._now()
        table = Table(name, next(self._numbers), schema, settings, dataset.location, now, now)
        if table.view_query is None and schema:
            transaction.execute(f"CREATE TABLE {quoted(table.storage)} ({columns_definition(schema)})")
        return self._keep_table(transaction, table)

    def update_table(
        self, transaction: Transaction, name: TableName, resource: Resource, whole: bool, etag: str | None = None
    ) -> Table:
        """Replaces the settings and schema, or with `whole` False only those named."""
        old = self.table(name)
        _check_etag(old.etag, etag)
        settings = _changed(old.settings, resource, _TABLE_KEPT, whole)
        schema, version = old.schema, old.version
        if resource.get("schema") and old.view_query is None:
            schema = self._evolve(transaction, old, schema_from_resource(resource["schema"]))
            version += schema != old.schema
        partitioning.check(settings, schema)
        partitioning.check_unchanged(old.settings, settings)
        table = replace(old, schema=schema, settings=settings, modified=self._now(), version=version)
        return self._keep_table(transaction, table)

    def delete_table(self, transaction: Transaction, name: TableName) -> None:
        self._drop(transaction, self.table(name))

    def touch(self, transaction: Transaction, table: Table) -> None:
        """Notes that a table's rows changed."""
        self._keep_table(transaction, replace(self.table(table.name), modified=self._now()))

    def _evolve(self, transaction: Transaction, old: Table, wanted: Schema) -> Schema:
        if not old.schema:
            transaction.execute(f"CREATE TABLE {quoted(old.storage)} ({columns_definition(wanted)})")
            return wanted
        schema, statements = evolved(old.name, old.storage, old.schema, wanted)
        for statement in statements:
            transaction.execute(statement)
        return schema

    def _with_defaults(self, settings: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
        life = dataset.settings.get("defaultTableExpirationMs")
        if life and "expirationTime" not in settings and "timePartitioning" not in settings:
            settings["expirationTime"] = str(self._now() + int(life))
        partition_life = dataset.settings.get("defaultPartitionExpirationMs")
        if partition_life and "timePartitioning" in settings:
            settings["timePartitioning"] = {"expirationMs": str(partition_life), **settings["timePartitioning"]}
        key = dataset.settings.get("defaultEncryptionConfiguration")
        if key and "view" not in settings:
            settings.setdefault("encryptionConfiguration", key)
        return settings

    def _keep_dataset(self, transaction: Transaction, dataset: Dataset) -> Dataset:
        transaction.keep("dataset", str(dataset.name), json.dumps(dataset.record()))
        transaction.afterwards(lambda: self._datasets.update({dataset.name: dataset}))
        return dataset

    def _keep_table(self, transaction: Transaction, table: Table) -> Table:
        transaction.keep("table", str(table.name), json.dumps(table.record()))
        transaction.afterwards(lambda: self._tables.update({table.name: table}))
        return table

    def _drop(self, transaction: Transaction, table: Table) -> None:
        transaction.execute(f"DROP TABLE IF EXISTS {quoted(table.storage)}")
        transaction.keep("table", str(table.name), None)
        transaction.afterwards(lambda: self._tables.pop(table.name, None))

    def _expired(self, table: Table) -> bool:
        expiration = int(table.settings.get("expirationTime") or 0)
        return 0 < expiration <= self._now()

    def _now(self) -> int:
        return self._clock.time_ns() // 1_000_000


def _chosen(resource: Resource, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: resource[key] for key in keys if resource.get(key) is not None}


def _changed(old: Resource, resource: Resource, keys: tuple[str, ...], whole: bool) -> dict[str, Any]:
    if whole:
        return _chosen(resource, keys)
    return _chosen(_merged(old, {key: resource[key] for key in keys if key in resource}), keys)


def _merged(old: Resource, patch: Resource) -> dict[str, Any]:
    """A JSON merge patch: RFC 7396."""
    result = dict(old)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            before = result.get(key)
            result[key] = _merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _check_etag(current: str, wanted: str | None) -> None:
    if wanted not in (None, "", "*", current):
        raise precondition_failed("Precondition check failed.")
