"""Who refers to whom in an architecture, checked both ways and on what was written, however wrong the rest may be."""

from collections.abc import Callable, Iterable, Iterator

from director.documents import access, belonging, manager
from director.documents.drafts import Draft, link_entries, resources
from director.documents.kinds import Finding, kinds
from director.keys import BUCKETS, DATASETS, SCHEMAS, SECRETS, SUBSCRIPTIONS, TABLES, VIEWS, mentioned
from director.positions import Location
from director.strict import similar


def findings(architecture: Draft) -> Iterator[Finding]:
    """Every reference that leads nowhere, every name given twice, and every topic that would lose what it gets."""
    yield from _owned_twice(architecture)
    yield from access.findings(architecture)
    yield from belonging.findings(architecture)
    yield from manager.findings(architecture)
    for dataflow in architecture.children("dataflows").values():
        for rule in (*RULES, *(kind.findings for kind in kinds().values() if kind.findings)):
            yield from rule(dataflow)


def _owned_twice(architecture: Draft) -> Iterator[Finding]:
    """Tables and views of a dataset share their names. Any dataflow may refer to a secret that none of them makes."""
    owners: dict[tuple[str, ...], str] = {}
    for owner, dataflow in architecture.children("dataflows").items():
        for kind in kinds():
            for resource in resources(dataflow, kind):
                name = resource.text("name")
                referred = kind == SECRETS and resource.data.get("create") is not True
                within = owner if referred else resource.text("dataset") or ""
                identity = (TABLES if kind == VIEWS else kind, within, name or "")
                if name and identity in owners:
                    where = "" if owners[identity] == owner else f" by dataflow '{owners[identity]}'"
                    yield (*resource.location, "name"), f"'{name}' is declared already{where}; keep one"
                owners.setdefault(identity, owner)


def _links_to_no_service(dataflow: Draft) -> Iterator[Finding]:
    services = dataflow.inner("services").data
    for kind in kinds():
        for resource in resources(dataflow, kind):
            for link in link_entries(resource):
                yield from _unknown("service", link, "name", services)


def _dependencies_on_no_service(dataflow: Draft) -> Iterator[Finding]:
    services = dataflow.inner("services").data
    for service in dataflow.children("services").values():
        for location, needed in _dependencies(service):
            if needed not in services:
                yield location, f"no service '{needed}' here; {_advice(needed, services)}"


def _dependencies(service: Draft) -> Iterator[tuple[Location, str]]:
    written = service.data.get("dependencies")
    for index, needed in enumerate(written if isinstance(written, list) else ()):
        if isinstance(needed, str):
            yield (*service.location, "dependencies", index), needed


def _dependencies_in_a_circle(dataflow: Draft) -> Iterator[Finding]:
    services = dataflow.children("services")
    graph = {name: [needed for _, needed in _dependencies(service)] for name, service in services.items()}
    for name, service in services.items():
        for location, needed in _dependencies(service):
            if name in _reachable(needed, graph):
                message = f"'{needed}' waits for '{name}' in turn; remove one dependency of the circle"
                yield location, message


def _reachable(start: str, graph: dict[str, list[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph.get(name, [])
    return reached


def _subscriptions_of_no_topic(dataflow: Draft) -> Iterator[Finding]:
    topics = _names(dataflow, "topics")
    for subscription in resources(dataflow, "subscriptions"):
        yield from _unknown("topic", subscription, "topic", topics)
        policy = subscription.inner("dead_letter_policy")
        yield from _unknown("topic", policy, "topic", topics)
        if policy.text("topic") and policy.text("topic") == subscription.text("topic"):
            yield (*policy.location, "topic"), "dead letters would come back to this subscription; use another topic"


def _invalidations_to_no_topic(dataflow: Draft) -> Iterator[Finding]:
    topics = _names(dataflow, "topics")
    for collection in resources(dataflow, "firestore_collections"):
        yield from _unknown("topic", collection, "invalidation_topic", topics)


def _topics_of_no_schema(dataflow: Draft) -> Iterator[Finding]:
    """Full names may be those of other projects: Pub/Sub knows whether they lead anywhere."""
    for topic in resources(dataflow, "topics"):
        settings = topic.inner("schema_settings")
        if "/" not in (settings.text("schema") or ""):
            yield from _unknown("schema", settings, "schema", _names(dataflow, SCHEMAS))


def _exports_by_no_schema(dataflow: Draft) -> Iterator[Finding]:
    checked = {topic.text("name") for topic in resources(dataflow, "topics") if topic.inner("schema_settings").data}
    for subscription in resources(dataflow, SUBSCRIPTIONS):
        for way in (subscription.inner("bigquery"), subscription.inner("cloud_storage")):
            if way.data.get("use_topic_schema") is True and subscription.text("topic") not in checked:
                message = f"topic '{subscription.text('topic')}' has no schema; add schema_settings there or remove it"
                yield (*way.location, "use_topic_schema"), message


def _topics_that_lose(dataflow: Draft) -> Iterator[Finding]:
    read = {subscription.text("topic") for subscription in resources(dataflow, "subscriptions")}
    for topic in resources(dataflow, "topics"):
        name = topic.text("name")
        if name and name not in read and "message_retention_duration" not in topic.data:
            message = "no subscription reads it and it retains nothing: messages are lost; add one of the two"
            yield (*topic.location, "name"), message


def _tables_of_no_dataset(dataflow: Draft) -> Iterator[Finding]:
    datasets = _names(dataflow, DATASETS)
    for kind in (TABLES, VIEWS):
        for table in resources(dataflow, kind):
            yield from _unknown("dataset", table, "dataset", datasets)


def _exports_to_nowhere(dataflow: Draft) -> Iterator[Finding]:
    buckets = _names(dataflow, BUCKETS)
    for subscription in resources(dataflow, SUBSCRIPTIONS):
        yield from _unknown("bucket", subscription.inner("cloud_storage"), "bucket", buckets)
        bigquery = subscription.inner("bigquery")
        yield from _no_table(bigquery, dataflow)
        for table in _tables(dataflow, bigquery.text("table")):
            for column, types in _written(bigquery).items():
                if _columns(table).get(column) not in types:
                    message = f"has no column {column} of type {' or '.join(types)}, which this subscription writes"
                    yield (*bigquery.location, "table"), f"table '{table.text('name')}' {message}; add it there"


def _written(bigquery: Draft) -> dict[str, tuple[str, ...]]:
    """Columns that Pub/Sub fills, and the types they may have; cloud.google.com/pubsub/docs/bigquery."""
    written: dict[str, tuple[str, ...]] = {}
    if bigquery.data.get("use_table_schema") is not True and bigquery.data.get("use_topic_schema") is not True:
        written["data"] = ("BYTES", "STRING", "JSON")
    if bigquery.data.get("write_metadata") is True:
        written |= dict.fromkeys(("subscription_name", "message_id"), ("STRING",))
        written |= {"publish_time": ("TIMESTAMP",), "attributes": ("JSON", "STRING")}
    return written


def _views_of_nothing(dataflow: Draft) -> Iterator[Finding]:
    for view in resources(dataflow, VIEWS):
        deduplicate = view.inner("deduplicate")
        yield from _no_table(deduplicate, dataflow)
        for table in _tables(dataflow, deduplicate.text("table")):
            for key in _USES:
                written = deduplicate.data.get(key)
                for index, column in enumerate(written if isinstance(written, list) else ()):
                    if isinstance(column, str) and (message := _unusable(column, key, table)):
                        yield (*deduplicate.location, key, index), message


_NO_ORDER = ("ARRAY", "STRUCT", "JSON", "GEOGRAPHY")
_USES = {
    "key": ("makes no groups by", (*_NO_ORDER, "FLOAT64")),
    "order_by": ("has no order of", _NO_ORDER),
}  # cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls


def _unusable(column: str, key: str, table: Draft) -> str | None:
    columns, name = _columns(table), table.text("name")
    if column.lower() not in columns:
        return f"no column '{column}' in table '{name}'; {_advice(column, columns)}"
    (what, types), found = _USES[key], columns[column.lower()]
    return f"BigQuery {what} '{column}' of table '{name}', which is {found}; name another" if found in types else None


def _views_in_a_circle(dataflow: Draft) -> Iterator[Finding]:
    views = {(view.text("dataset") or "", view.text("name") or ""): view for view in resources(dataflow, VIEWS)}
    graph = {
        ".".join(name): [".".join(each) for each in views if mentioned(view.text("query") or "", *each)]
        for name, view in views.items()
    }
    for name, view in views.items():
        for needed in graph[".".join(name)]:
            if ".".join(name) in _reachable(needed, graph):
                yield (*view.location, "query"), f"'{needed}' is made of this view in turn; remove one of the circle"


def _no_table(holder: Draft, dataflow: Draft) -> Iterator[Finding]:
    name = holder.text("table")
    if name is not None and len(found := _tables(dataflow, name)) > 1:
        full = " or ".join(f"'{table.text('dataset')}.{name}'" for table in found)
        yield (*holder.location, "table"), f"several datasets have a table '{name}'; write {full}"
        return
    known = {known for table in resources(dataflow, TABLES) for known in _called(table)}
    yield from _unknown("table", holder, "table", known)


def _tables(dataflow: Draft, name: str | None) -> list[Draft]:
    """Those that `name` means: more than one where several datasets have one."""
    return [table for table in resources(dataflow, TABLES) if name is not None and name in _called(table)]


def _called(table: Draft) -> set[str]:
    name = table.text("name") or ""
    return {name, f"{table.text('dataset')}.{name}"}


def _columns(table: Draft) -> dict[str, str]:
    """Types by lower-case name; a repeated column is an ARRAY."""
    return {
        (column.text("name") or "").lower(): "ARRAY" if column.text("mode") == "REPEATED" else column.text("type") or ""
        for column in table.items("schema")
    }


def _unknown(what: str, holder: Draft, key: str, known: Iterable[str]) -> Iterator[Finding]:
    name = holder.text(key)
    if name is not None and name not in known:
        yield (*holder.location, key), f"no {what} '{name}' here; {_advice(name, known)}"


def _advice(name: str, known: Iterable[str]) -> str:
    advice = similar(name, known)
    return "add it" if advice == "remove it" else advice


def _names(dataflow: Draft, kind: str) -> set[str]:
    return {name for resource in resources(dataflow, kind) if (name := resource.text("name"))}


RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    _links_to_no_service,
    _dependencies_on_no_service,
    _dependencies_in_a_circle,
    _subscriptions_of_no_topic,
    _invalidations_to_no_topic,
    _topics_of_no_schema,
    _exports_by_no_schema,
    _topics_that_lose,
    _tables_of_no_dataset,
    _exports_to_nowhere,
    _views_of_nothing,
    _views_in_a_circle,
)
