"""From an architecture to the bindings its services need: each link means a role on one resource. Pure.

What services really call decides, not what is usual: a publisher never looks at its topic, a consumer never at its
subscription. docs/iam.md has the table.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from director import keys
from director.documents.drafts import Draft
from director.documents.kinds import Kind, Site, kinds
from director.documents.model import Architecture
from director.documents.specs.bigquery import View
from director.documents.specs.pubsub import Subscription
from director.documents.specs.resource import Access, Link, Resource
from director.documents.specs.secrets import Secret
from director.iam import programs, roles
from director.iam.bindings import ACCOUNTS, SECRETS, Binding, merged
from director.iam.scope import Scope, secrets_agent_of
from director.keys import Key
from director.resources.views import deduplicated
from director.secrets import SecretReference


def bindings(architecture: Architecture, number: str) -> tuple[Binding, ...]:
    """Everything that all dataflows need, sorted. `number` is the project's, which Google's agents are named by."""
    scopes = (Scope(architecture, name, number) for name in architecture.dataflows)
    return merged(binding for scope in scopes for rule in RULES for binding in rule(scope))


def made(architecture: Architecture, dataflow: str | None = None) -> frozenset[Key]:
    """The resources that a dataflow makes, or that all of them make: what a policy on one of them waits for."""
    site = Site(architecture.project_id, architecture.region)
    flows = architecture.dataflows if dataflow is None else {dataflow: architecture.dataflows[dataflow]}
    return frozenset(
        (kind.name, _full_name(kind, site, spec))
        for flow in flows.values()
        for kind in kinds().values()
        for spec in getattr(flow.resources, kind.name)
        if not (isinstance(spec, Secret) and not spec.create)
    )


def needs_number(architecture: Architecture) -> bool:
    """Whether an agent of Google's is to do anything by itself: their names have the number of the project."""
    resources = [flow.resources for flow in architecture.dataflows.values()]
    delivered = any(_delivered(each) for found in resources for each in found.subscriptions)
    return delivered or any(each.rotation for found in resources for each in found.secrets)


def _delivered(spec: Subscription) -> bool:
    return any((spec.bigquery, spec.cloud_storage, spec.push and spec.push.service_account, spec.dead_letter_policy))


def _producers(spec: Resource) -> Iterator[str]:
    yield from _named(spec, "producer_service", "producers")


def _consumers(spec: Resource) -> Iterator[str]:
    yield from _named(spec, "consumer_service", "consumers")


def _named(spec: Resource, single: str, several: str) -> Iterator[str]:
    one: Link | None = getattr(spec, single, None)
    many: tuple[Link, ...] = getattr(spec, several, ())
    yield from (link.name for link in ((one,) if one else ()) + many)


def _topics(scope: Scope) -> Iterator[Binding]:
    own = roles.OWN_SUBSCRIPTIONS.name(scope.project)
    for spec in scope.dataflow.resources.topics:
        topic = keys.topic(scope.project, spec.name)
        for service in _producers(spec):
            yield scope.of_service(service, topic, roles.PUBLISHER, f"publishes to topic {spec.name}")
        for service in _consumers(spec):
            makes = f"makes subscriptions of its own on topic {spec.name}"
            yield scope.of_service(service, topic, roles.SUBSCRIBER, makes)
            why = f"{makes}, and Pub/Sub knows no smaller place than the project for that"
            yield scope.of_service(service, scope.on_project(), own, why)


def _subscriptions(scope: Scope) -> Iterator[Binding]:
    for spec in scope.dataflow.resources.subscriptions:
        subscription = keys.subscription(scope.project, spec.name)
        for service in _consumers(spec):
            yield scope.of_service(service, subscription, roles.SUBSCRIBER, f"pulls from subscription {spec.name}")


def _deliveries(scope: Scope) -> Iterator[Binding]:
    """What Pub/Sub's own agent needs; cloud.google.com/pubsub/docs, of each kind of subscription."""
    for spec in scope.dataflow.resources.subscriptions:
        if spec.bigquery:
            table = scope.context.table(spec.bigquery.table)
            yield from _written(
                scope, spec, spec.bigquery.service_account_email, (table, roles.DATA_EDITOR, "writes rows")
            )
        if spec.cloud_storage:
            bucket = keys.bucket(spec.cloud_storage.bucket)
            files = (bucket, roles.OBJECT_CREATOR, "writes files"), (bucket, roles.BUCKET_READER, "looks at the bucket")
            yield from _written(scope, spec, spec.cloud_storage.service_account_email, *files)
        if spec.push and spec.push.service_account:
            account = ACCOUNTS, spec.push.service_account
            yield scope.of_agent(spec, account, roles.TOKEN_CREATOR, "signs what it pushes")
        if spec.dead_letter_policy:
            dead = keys.topic(scope.project, spec.dead_letter_policy.topic)
            yield scope.of_agent(spec, dead, roles.PUBLISHER, "publishes dead letters")
            own = keys.subscription(scope.project, spec.name)
            yield scope.of_agent(spec, own, roles.SUBSCRIBER, "acknowledges dead letters")


def _written(scope: Scope, spec: Subscription, account: str | None, *needed: tuple[Key, str, str]) -> Iterator[Binding]:
    """Pub/Sub's agent writes by itself, or in the name of an account that it may sign for."""
    member = f"serviceAccount:{account}" if account else scope.agent
    for resource, role, does in needed:
        yield replace(scope.of_agent(spec, resource, role, does), member=member)
    if account:
        yield scope.of_agent(spec, (ACCOUNTS, account), roles.TOKEN_CREATOR, "writes in this name")


def _tables(scope: Scope) -> Iterator[Binding]:
    for spec in scope.dataflow.resources.bigquery_tables:
        table, shown = keys.table(scope.project, spec.dataset, spec.name), f"{spec.dataset}.{spec.name}"
        for service in _producers(spec):
            yield scope.of_service(service, table, roles.DATA_EDITOR, f"writes rows to table {shown}")
        for service in _consumers(spec):
            yield scope.of_service(service, table, roles.DATA_VIEWER, f"reads table {shown}")
            yield scope.of_service(service, scope.on_project(), roles.JOB_USER, f"queries table {shown}")


def _views(scope: Scope) -> Iterator[Binding]:
    """A view reads with the rights of who asks: these reach through to every table below it."""
    for spec in scope.dataflow.resources.bigquery_views:
        view, shown = keys.view(scope.project, spec.dataset, spec.name), f"{spec.dataset}.{spec.name}"
        for service in _consumers(spec):
            yield scope.of_service(service, view, roles.DATA_VIEWER, f"reads view {shown}")
            yield scope.of_service(service, scope.on_project(), roles.JOB_USER, f"queries view {shown}")
            for below in sorted(_below(scope, spec)):
                yield scope.of_service(service, below, roles.DATA_VIEWER, f"reads it through view {shown}")


def _below(scope: Scope, view: View) -> set[Key]:
    """The tables and views of the document that a view is made of, at any depth."""
    found: set[Key] = set()
    waiting = [_query(scope, view)]
    while waiting:
        query = waiting.pop()
        for each, key, inner in _readable(scope):
            if key not in found and keys.mentioned(query, each.dataset, each.name):
                found.add(key)
                waiting.append(inner)
    return found - {keys.view(scope.project, view.dataset, view.name)}


def _readable(scope: Scope) -> Iterator[tuple[Any, Key, str]]:
    """Every table and view of all dataflows, with the query that makes it."""
    for name, dataflow in scope.architecture.dataflows.items():
        for table in dataflow.resources.bigquery_tables:
            yield table, keys.table(scope.project, table.dataset, table.name), ""
        for view in dataflow.resources.bigquery_views:
            there = Scope(scope.architecture, name, scope.number)
            yield view, keys.view(scope.project, view.dataset, view.name), _query(there, view)


def _query(scope: Scope, view: View) -> str:
    return view.query or (deduplicated(scope.context, view.deduplicate) if view.deduplicate else "")


def _buckets(scope: Scope) -> Iterator[Binding]:
    for spec in scope.dataflow.resources.gcs_buckets:
        bucket = keys.bucket(spec.name)
        for service in _producers(spec):
            yield scope.of_service(service, bucket, roles.OBJECT_CREATOR, f"writes objects to bucket {spec.name}")
            why = f"reads back what is there already in bucket {spec.name}"
            yield scope.of_service(service, bucket, roles.OBJECT_VIEWER, why)
        for service in _consumers(spec):
            yield scope.of_service(service, bucket, roles.OBJECT_VIEWER, f"reads objects of bucket {spec.name}")


def _collections(scope: Scope) -> Iterator[Binding]:
    coarse = "Firestore has no policies below the project"
    for spec in scope.dataflow.resources.firestore_collections:
        for service in _producers(spec):
            why = f"writes collection {spec.name}; {coarse}"
            yield scope.of_service(service, scope.on_project(), roles.DATASTORE_USER, why)
        for service in _consumers(spec):
            why = f"reads collection {spec.name}; {coarse}"
            yield scope.of_service(service, scope.on_project(), roles.DATASTORE_VIEWER, why)


def _databases(scope: Scope) -> Iterator[Binding]:
    coarse = "Firestore has no policies below the project"
    for spec in scope.dataflow.resources.firestore_databases:
        for service in _producers(spec):
            why = f"writes to database {spec.name}; {coarse}"
            yield scope.of_service(service, scope.on_project(), roles.DATASTORE_USER, why)
        for service in _consumers(spec):
            why = f"reads database {spec.name}; {coarse}"
            yield scope.of_service(service, scope.on_project(), roles.DATASTORE_VIEWER, why)


def _secrets(scope: Scope) -> Iterator[Binding]:
    """Those that are linked, and those that a configuration refers to itself."""
    for declared in scope.dataflow.resources.secrets:
        resource = keys.secret(scope.project, declared.name)
        for service in _producers(declared):
            yield scope.of_service(service, resource, roles.SECRET_ADDER, f"adds versions to secret {declared.name}")
        for service in _consumers(declared):
            yield scope.of_service(service, resource, roles.SECRET_ACCESSOR, f"reads secret {declared.name}")
    for service, spec in scope.dataflow.services.items():
        for path, secret in _references(spec.config, ()):
            resource = SECRETS, secret.partition("/versions/")[0]
            yield scope.of_service(
                service, resource, roles.SECRET_ACCESSOR, f"reads it for its {'.'.join(path) or 'config'}"
            )


def _rotations(scope: Scope) -> Iterator[Binding]:
    """Secret Manager makes no secret with a topic that its own agent may not publish to."""
    for spec in scope.dataflow.resources.secrets:
        if spec.rotation:
            reminded = keys.topic(scope.project, spec.rotation.topic)
            reason = f"Secret Manager itself reminds of {scope.name}'s secret {spec.name}"
            yield scope.of_member(secrets_agent_of(scope.number), reminded, roles.PUBLISHER, reason)


def _declared(scope: Scope) -> Iterator[Binding]:
    """What resources declare themselves, beyond what their links ask for."""
    site = Site(scope.project, scope.architecture.region)
    for kind in kinds().values():
        for spec in getattr(scope.dataflow.resources, kind.name):
            name = _full_name(kind, site, spec)
            for access in spec.iam_access_policy:
                reason = f"declared at {scope.name}'s {kind.name} {spec.name}"
                yield scope.of_member(_member(scope, access), (kind.name, name), access.role, reason)


def _full_name(kind: Kind, site: Site, spec: Resource) -> str:
    """As in the resource's key; services are told the version of a secret with it."""
    return (kind.full_name(site, Draft(dict(spec))) or "").partition("/versions/")[0]


def _member(scope: Scope, access: Access) -> str:
    if access.type == "service":
        return scope.member(scope.dataflow.services[access.name].service_account)
    return scope.member(access.name)


def _references(config: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where a configuration says `{secret: projects/...}`, and which."""
    if isinstance(config, dict):
        secret = config.get("secret")
        if set(config) == {"secret"} and isinstance(secret, str) and _is_secret(secret):
            yield path, secret
            return
        parts: Iterable[tuple[Any, Any]] = config.items()
    else:
        parts = enumerate(config) if isinstance(config, list) else ()
    for name, value in parts:
        yield from _references(value, (*path, str(name)))


def _is_secret(text: str) -> bool:
    try:
        SecretReference(secret=text)
    except ValueError:
        return False
    return True


RULES: tuple[Callable[[Scope], Iterator[Binding]], ...] = (
    _topics,
    _subscriptions,
    _deliveries,
    _tables,
    _views,
    _buckets,
    _collections,
    _databases,
    _secrets,
    _rotations,
    _declared,
    *programs.RULES,
)
