"""From an architecture to the bindings its services need: each link means a role on one resource. Pure.

What services really call decides, not what is usual: a publisher never looks at its topic, a consumer never at its
subscription. docs/iam.md has the table.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from director import keys
from director.documents.model import Architecture, Dataflow
from director.documents.specs.bigquery import View
from director.documents.specs.pubsub import Subscription
from director.documents.specs.resource import Link, Resource
from director.iam import roles
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS, Binding, merged
from director.keys import Key
from director.provisioning.base import Context
from director.resources.views import deduplicated
from director.secrets import SecretReference


def bindings(architecture: Architecture, agent: str) -> tuple[Binding, ...]:
    """Everything that all dataflows need, sorted. `agent` is the member that Pub/Sub itself works as."""
    scopes = (Scope(architecture, name, agent) for name in architecture.dataflows)
    return merged(binding for scope in scopes for rule in RULES for binding in rule(scope))


def agent_of(number: str) -> str:
    """Pub/Sub's service agent in the project of this number."""
    return f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"


def needs_agent(architecture: Architecture) -> bool:
    """Whether Pub/Sub itself is to write, push or dead-letter anywhere."""
    return any(_delivered(each) for flow in architecture.dataflows.values() for each in flow.resources.subscriptions)


def member_of(architecture: Architecture, service_account: str) -> str:
    return f"serviceAccount:{service_account}@{architecture.project_id}.iam.gserviceaccount.com"


def _delivered(spec: Subscription) -> bool:
    return any((spec.bigquery, spec.cloud_storage, spec.push and spec.push.service_account, spec.dead_letter_policy))


@dataclass(frozen=True, slots=True)
class Scope:
    """One dataflow of an architecture."""

    architecture: Architecture
    name: str
    agent: str

    @property
    def project(self) -> str:
        return self.architecture.project_id

    @property
    def dataflow(self) -> Dataflow:
        return self.architecture.dataflows[self.name]

    @property
    def context(self) -> Context:
        return Context(self.architecture, self.name, {})

    def of_service(self, service: str, resource: Key, role: str, does: str) -> Binding:
        account = self.dataflow.services[service].service_account
        reason = f"{self.name}/{service} {does}"
        return Binding(*resource, role, member_of(self.architecture, account), (reason,), frozenset({self.name}))

    def of_agent(self, spec: Subscription, resource: Key, role: str, does: str) -> Binding:
        reason = f"Pub/Sub itself {does} for {self.name}'s subscription {spec.name}"
        return Binding(*resource, role, self.agent, (reason,), frozenset({self.name}))

    def on_project(self) -> Key:
        return PROJECTS, self.project


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
            yield scope.of_agent(spec, table, roles.DATA_EDITOR, "writes rows")
        if spec.cloud_storage:
            bucket = keys.bucket(spec.cloud_storage.bucket)
            yield scope.of_agent(spec, bucket, roles.OBJECT_CREATOR, "writes files")
            yield scope.of_agent(spec, bucket, roles.BUCKET_READER, "looks at the bucket")
        if spec.push and spec.push.service_account:
            account = ACCOUNTS, spec.push.service_account
            yield scope.of_agent(spec, account, roles.TOKEN_CREATOR, "signs what it pushes")
        if spec.dead_letter_policy:
            dead = keys.topic(scope.project, spec.dead_letter_policy.topic)
            yield scope.of_agent(spec, dead, roles.PUBLISHER, "publishes dead letters")
            own = keys.subscription(scope.project, spec.name)
            yield scope.of_agent(spec, own, roles.SUBSCRIBER, "acknowledges dead letters")


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
            there = Scope(scope.architecture, name, scope.agent)
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


def _secrets(scope: Scope) -> Iterator[Binding]:
    for service, spec in scope.dataflow.services.items():
        for path, secret in _references(spec.config, ()):
            resource = SECRETS, secret.partition("/versions/")[0]
            yield scope.of_service(
                service, resource, roles.SECRET_ACCESSOR, f"reads it for its {'.'.join(path) or 'config'}"
            )


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


# Not here yet, for want of a word in the documents: roles/dataflow.worker of jobs that Dataflow runs, and
# roles/run.invoker for `dependencies` between Cloud Run services.
RULES: tuple[Callable[[Scope], Iterator[Binding]], ...] = (
    _topics,
    _subscriptions,
    _deliveries,
    _tables,
    _views,
    _buckets,
    _collections,
    _secrets,
)
