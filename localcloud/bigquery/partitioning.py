"""What BigQuery asks of a table's partitioning and clustering before it takes them.

https://cloud.google.com/bigquery/docs/partitioned-tables and /clustered-tables
"""

from typing import Any

from localcloud.bigquery.errors import invalid
from localcloud.bigquery.schema import Field, Resource, Schema

_TYPES = ("HOUR", "DAY", "MONTH", "YEAR")
_CLUSTERABLE = ("STRING", "BYTES", "INTEGER", "NUMERIC", "BOOLEAN", "TIMESTAMP", "DATETIME", "DATE")
_MOST_CLUSTERING = 4


def check(resource: Resource, schema: Schema) -> None:
    """Raises HttpError (400) for what cannot be."""
    if "timePartitioning" in resource and "rangePartitioning" in resource:
        raise invalid("Only one of timePartitioning and rangePartitioning can be set.")
    if time := resource.get("timePartitioning"):
        _check_time(time, schema)
    if ranges := resource.get("rangePartitioning"):
        _check_column(ranges.get("field", ""), ("INTEGER",), schema)
    if clustering := resource.get("clustering"):
        _check_clustering(clustering.get("fields") or [], schema)


def check_unchanged(old: Resource, new: Resource) -> None:
    """Expiration and the required filter may change later, the column and the granularity may not."""
    for key in ("timePartitioning", "rangePartitioning"):
        if _spec(old.get(key)) != _spec(new.get(key)):
            raise invalid("Cannot change partitioning spec for a partitioned table.")


def column(resource: Resource) -> str | None:
    """The column a table is partitioned by time on."""
    return (resource.get("timePartitioning") or {}).get("field")


def needs_filter(resource: Resource) -> bool:
    """Whether a query must name the partitioning column in a condition."""
    time = resource.get("timePartitioning") or {}
    return bool(resource.get("requirePartitionFilter") or time.get("requirePartitionFilter"))


def _spec(partitioning: Any) -> Any:
    loose = ("expirationMs", "requirePartitionFilter")
    return {key: value for key, value in (partitioning or {}).items() if key not in loose and value is not None}


def _check_time(time: Resource, schema: Schema) -> None:
    kind = time.get("type")
    if kind not in _TYPES:
        raise invalid(f"Invalid value for timePartitioning.type: {kind} is not one of {', '.join(_TYPES)}")
    if time.get("field"):
        found = _check_column(time["field"], ("TIMESTAMP", "DATE", "DATETIME"), schema)
        if found.type == "DATE" and kind == "HOUR":
            raise invalid(f"HOUR partitioning is not supported on the DATE column {found.name}")
    if int(time.get("expirationMs") or 0) < 0:
        raise invalid("timePartitioning.expirationMs must not be negative")


def _check_column(name: str, types: tuple[str, ...], schema: Schema) -> Field:
    found = next((each for each in schema if each.name.lower() == name.lower()), None)
    if found is None:
        raise invalid(f"The field specified for partitioning cannot be found in the schema: {name}")
    if found.type not in types or found.repeated:
        raise invalid(
            f"The field specified for partitioning must be one of {', '.join(types)} and not REPEATED: "
            f"{name} is {found.type} {found.mode}"
        )
    return found


def _check_clustering(names: list[str], schema: Schema) -> None:
    if not 1 <= len(names) <= _MOST_CLUSTERING:
        raise invalid(f"Clustering takes 1 to {_MOST_CLUSTERING} fields, not {len(names)}")
    by_name = {each.name.lower(): each for each in schema}
    for name in names:
        found = by_name.get(name.lower())
        if found is None:
            raise invalid(f"The field specified for clustering cannot be found in the schema: {name}")
        if found.type not in _CLUSTERABLE or found.repeated:
            raise invalid(f"Entity with type {found.type} {found.mode} cannot be clustered on: {name}")
