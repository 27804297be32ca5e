"""What the parts of Firestore belong to, and what jobs, secrets and services need of their dataflow. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from director.documents.drafts import Draft, resources
from director.keys import (
    COLLECTIONS,
    DATABASES,
    DEFAULT_DATABASE,
    INDEXES,
    SCHEDULER_JOBS,
    SECRETS,
    SERVICE_ACCOUNTS,
    TOPICS,
    TTLS,
)
from director.positions import Location
from director.strict import similar

Finding = tuple[Location, str]


def findings(architecture: Draft) -> Iterator[Finding]:
    """Over all dataflows: a database may be declared by one and used by another."""
    dataflows = list(architecture.children("dataflows").values())
    databases = {DEFAULT_DATABASE: "NATIVE"} | {
        name: one.text("type") or "NATIVE"
        for dataflow in dataflows
        for one in resources(dataflow, DATABASES)
        if (name := one.text("name"))
    }
    yield from _twice(dataflows)
    disabled = {
        account.text("name")
        for dataflow in dataflows
        for account in resources(dataflow, SERVICE_ACCOUNTS)
        if account.data.get("disabled") is True
    }
    for dataflow in dataflows:
        yield from _of_no_database(dataflow, databases)
        yield from _jobs_to_nowhere(dataflow)
        yield from _rotations_to_no_topic(dataflow)
        yield from _as_nobody(dataflow, disabled)


def _of_no_database(dataflow: Draft, databases: dict[str, str]) -> Iterator[Finding]:
    for kind in (COLLECTIONS, INDEXES, TTLS):
        for one in resources(dataflow, kind):
            yield from _unknown("database", one, "database", databases)
            name = one.text("database") or DEFAULT_DATABASE
            if databases.get(name) == "DATASTORE_MODE":
                at = "database" if "database" in one.data else ("collection" if kind != COLLECTIONS else "name")
                message = f"database '{name}' is in Datastore mode, which has no collections; use another database"
                yield (*one.location, at), message


def _twice(dataflows: Iterable[Draft]) -> Iterator[Finding]:
    """What has no name of its own: an index is its fields, and of a collection group one field can have a policy."""
    indexes: set[Any] = set()
    policies: set[Any] = set()
    for dataflow in dataflows:
        for index in resources(dataflow, INDEXES):
            identity = (_group(index), index.text("query_scope") or "COLLECTION", _fields(index))
            if identity in indexes:
                yield (*index.location, "fields"), "this index is declared already; keep one"
            indexes.add(identity)
        for policy in resources(dataflow, TTLS):
            if _group(policy) in policies:
                group = policy.text("collection")
                yield (
                    (*policy.location, "collection"),
                    f"'{group}' has a TTL policy already, and can have one; keep one",
                )
            policies.add(_group(policy))


def _group(resource: Draft) -> tuple[str, str]:
    return resource.text("database") or DEFAULT_DATABASE, resource.text("collection") or ""


def _fields(index: Draft) -> tuple[Any, ...]:
    return tuple((one.text("name"), one.text("order") or one.text("array_config")) for one in index.items("fields"))


def _jobs_to_nowhere(dataflow: Draft) -> Iterator[Finding]:
    for job in resources(dataflow, SCHEDULER_JOBS):
        yield from _unknown("topic", job, "topic", _names(dataflow, TOPICS))
        yield from _unknown("service", job, "target_service", dataflow.inner("services").data)


def _rotations_to_no_topic(dataflow: Draft) -> Iterator[Finding]:
    for secret in resources(dataflow, SECRETS):
        yield from _unknown("topic", secret.inner("rotation"), "topic", _names(dataflow, TOPICS))


def _as_nobody(dataflow: Draft, disabled: set[str | None]) -> Iterator[Finding]:
    for service in dataflow.children("services").values():
        account = service.text("service_account")
        if account is not None and account in disabled:
            message = f"account '{account}' is disabled: nothing can work as it; enable it or name another"
            yield (*service.location, "service_account"), message


def _names(dataflow: Draft, kind: str) -> set[str]:
    return {name for resource in resources(dataflow, kind) if (name := resource.text("name"))}


def _unknown(what: str, holder: Draft, key: str, known: Iterable[str]) -> Iterator[Finding]:
    name = holder.text(key)
    if name is not None and name not in known:
        advice = similar(name, known)
        yield (*holder.location, key), f"no {what} '{name}' here; {'add it' if advice == 'remove it' else advice}"
