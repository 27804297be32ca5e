"""Datasets and tables as values: their resources on the wire, and their records in the database."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from localcloud.bigquery.names import DatasetName, TableName
from localcloud.bigquery.schema import Resource, Schema, schema_from_resource, schema_resource

_OWNERS = [{"role": "OWNER", "specialGroup": "projectOwners"}]


@dataclass(frozen=True, slots=True)
class Dataset:
    """`settings` are the parts of the resource that users set; times are in milliseconds."""

    name: DatasetName
    settings: Resource
    created: int
    modified: int

    @property
    def location(self) -> str:
        return str(self.settings.get("location") or "US")

    @property
    def etag(self) -> str:
        return _etag(self.settings, self.modified)

    def resource(self) -> dict[str, Any]:
        return {
            "kind": "bigquery#dataset",
            "etag": self.etag,
            "id": str(self.name),
            "datasetReference": self.name.reference,
            "access": _OWNERS,
            **self.settings,
            "location": self.location,
            "creationTime": str(self.created),
            "lastModifiedTime": str(self.modified),
            "type": "DEFAULT",
        }

    def record(self) -> dict[str, Any]:
        times = [self.created, self.modified]
        return {"name": self.name.reference, "settings": self.settings, "times": times}


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a view when its settings have a query. `version` counts the changes of its schema."""

    name: TableName
    number: int
    schema: Schema
    settings: Resource
    location: str
    created: int
    modified: int
    version: int = 0

    @property
    def storage(self) -> str:
        return f"t{self.number}"

    @property
    def view_query(self) -> str | None:
        view = self.settings.get("view")
        return str(view["query"]) if view else None

    @property
    def etag(self) -> str:
        return _etag({**self.settings, "schema": schema_resource(self.schema)}, self.modified)

    def summary(self) -> dict[str, Any]:
        """As in a list of tables."""
        shown = ("friendlyName", "labels", "timePartitioning", "rangePartitioning", "clustering", "expirationTime")
        return {
            "kind": "bigquery#table",
            "id": str(self.name),
            "tableReference": self.name.reference,
            "type": "VIEW" if self.view_query else "TABLE",
            "creationTime": str(self.created),
            **{key: self.settings[key] for key in shown if key in self.settings},
            **({"view": {"useLegacySql": False}} if self.view_query else {}),
        }

    def resource(self, rows: int) -> dict[str, Any]:
        return {
            **self.summary(),
            **self.settings,
            "etag": self.etag,
            "schema": schema_resource(self.schema),
            "location": self.location,
            "lastModifiedTime": str(self.modified),
            **({} if self.view_query else {"numRows": str(rows), "numBytes": "0", "numLongTermBytes": "0"}),
        }

    def record(self) -> dict[str, Any]:
        return {
            "name": self.name.reference,
            "number": self.number,
            "schema": schema_resource(self.schema),
            "settings": self.settings,
            "location": self.location,
            "times": [self.created, self.modified],
            "version": self.version,
        }


def _etag(resource: Resource, modified: int) -> str:
    content = json.dumps([resource, modified], sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:24]


def dataset_from(body: Any) -> Dataset:
    """The dataset of a record."""
    name = DatasetName(body["name"]["projectId"], body["name"]["datasetId"])
    return Dataset(name, body["settings"], *body["times"])


def table_from(body: Any) -> Table:
    """The table of a record."""
    reference = body["name"]
    name = TableName(reference["projectId"], reference["datasetId"], reference["tableId"])
    schema = schema_from_resource(body["schema"])
    created, modified = body["times"]
    settings, location = body["settings"], body["location"]
    return Table(name, body["number"], schema, settings, location, created, modified, body["version"])
