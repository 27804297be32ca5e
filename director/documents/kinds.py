"""The kinds of resources there are: how documents write each, and where its code is. Light: nothing of Google's.

A package adds one by an entry point of the group `director.kinds` that names a `Kind`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from director import keys
from director.documents.drafts import Draft
from director.documents.specs.accounts import ServiceAccount
from director.documents.specs.bigquery import Dataset, Table, View
from director.documents.specs.dataflow_jobs import DataflowJob
from director.documents.specs.firestore import Collection, Database, Index, Ttl
from director.documents.specs.monitoring import AlertPolicy, NotificationChannel, unknown_channels, unknown_topics
from director.documents.specs.programs import of_services
from director.documents.specs.pubsub import Schema, Subscription, Topic
from director.documents.specs.resource import Resource
from director.documents.specs.run import CloudRunJob, CloudRunService
from director.documents.specs.scheduler import SchedulerJob
from director.documents.specs.secrets import Secret
from director.documents.specs.storage import Bucket
from director.errors import Misconfigured
from director.positions import Location

GROUP = "director.kinds"
Finding = tuple[Location, str]


@dataclass(frozen=True, slots=True)
class Site:
    """Where an architecture is, as far as it says so yet: part of many full names."""

    project: str
    region: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    `name` is its key under `resources`, `spec` what a document says of one. `full_name` makes of what was written the
    name that services and Google know it by, None while a part is missing. `code` is a module with
    `wanted(context, spec)` and `provider(clients, blueprint)`, see `provisioning.base`; it is imported when a document
    has such a resource. `apis` are the services at Google to be enabled for it, `permissions` what the director needs
    beyond what is known of the kinds that come with it. `findings` are checks of a dataflow as written.
    """

    name: str
    spec: type[Resource]
    full_name: Callable[[Site, Draft], str | None]
    code: str
    apis: tuple[str, ...]
    holds_data: bool = True
    permissions: tuple[str, ...] = ()
    findings: Callable[[Draft], Iterator[Finding]] | None = None


def _within(key: Callable[[str, str], keys.Key]) -> Callable[[Site, Draft], str | None]:
    """The full name of what is named in its project alone."""

    def full_name(site: Site, draft: Draft) -> str | None:
        name = draft.text("name")
        return key(site.project, name)[1] if name else None

    return full_name


def _of_dataset(site: Site, draft: Draft) -> str | None:
    name, dataset = draft.text("name"), draft.text("dataset")
    return keys.table(site.project, dataset, name)[1] if name and dataset else None


def _as_written(site: Site, draft: Draft) -> str | None:
    return draft.text("name") or None


def _nameless(site: Site, draft: Draft) -> str | None:
    """Of what no service is ever told."""
    return None


def _of_region(site: Site, draft: Draft) -> str | None:
    name, region = draft.text("name"), draft.text("region") or site.region
    return keys.scheduler_job(site.project, region, name)[1] if name and region else None


def _placed(key: Callable[[str, str, str], keys.Key], place: str) -> Callable[[Site, Draft], str | None]:
    """The full name of what is in a region, its own under `place` or the architecture's."""

    def full_name(site: Site, draft: Draft) -> str | None:
        name, region = draft.text("name"), draft.text(place) or site.region
        return key(site.project, region, name)[1] if name and region else None

    return full_name


def _version(site: Site, draft: Draft) -> str | None:
    """Of a secret, services are told the version to read."""
    name, version = draft.text("name"), draft.data.get("version")
    return f"{keys.secret(site.project, name)[1]}/versions/{version or 'latest'}" if name else None


BUILT_IN = (
    Kind(
        keys.SCHEMAS, Schema, _within(keys.schema), "director.resources.schemas",
        apis=("pubsub.googleapis.com",), holds_data=False,
    ),
    Kind(
        keys.TOPICS, Topic, _within(keys.topic), "director.resources.topics",
        apis=("pubsub.googleapis.com",), holds_data=False,
    ),
    Kind(
        keys.SUBSCRIPTIONS, Subscription, _within(keys.subscription), "director.resources.subscriptions",
        apis=("pubsub.googleapis.com",),
    ),
    Kind(
        keys.DATASETS, Dataset, _within(keys.dataset), "director.resources.datasets",
        apis=("bigquery.googleapis.com",),
    ),
    Kind(
        keys.TABLES, Table, _of_dataset, "director.resources.tables",
        apis=("bigquery.googleapis.com", "bigquerystorage.googleapis.com"),
    ),
    Kind(
        keys.VIEWS, View, _of_dataset, "director.resources.views",
        apis=("bigquery.googleapis.com",), holds_data=False,
    ),
    Kind(
        keys.BUCKETS, Bucket, _as_written, "director.resources.buckets",
        apis=("storage.googleapis.com",),
    ),
    Kind(
        keys.COLLECTIONS, Collection, _as_written, "director.resources.firestore_collections",
        apis=("firestore.googleapis.com",),
    ),
    Kind(
        keys.DATABASES, Database, _as_written, "director.resources.firestore_databases",
        apis=("firestore.googleapis.com",),
    ),
    Kind(
        keys.INDEXES, Index, _nameless, "director.resources.firestore_indexes",
        apis=("firestore.googleapis.com",), holds_data=False,
    ),
    Kind(
        keys.TTLS, Ttl, _nameless, "director.resources.firestore_ttls",
        apis=("firestore.googleapis.com",), holds_data=False,
    ),
    Kind(
        keys.SCHEDULER_JOBS, SchedulerJob, _of_region, "director.resources.scheduler_jobs",
        apis=("cloudscheduler.googleapis.com",), holds_data=False,
    ),
    Kind(
        keys.SECRETS, Secret, _version, "director.resources.secrets",
        apis=("secretmanager.googleapis.com",),
    ),
    Kind(
        keys.SERVICE_ACCOUNTS, ServiceAccount, _within(keys.service_account), "director.resources.service_accounts",
        apis=("iam.googleapis.com",),
    ),
    Kind(
        keys.CLOUD_RUN_SERVICES, CloudRunService, _placed(keys.cloud_run_service, "location"),
        "director.resources.cloud_run_services",
        apis=("run.googleapis.com",), holds_data=False, findings=of_services(keys.CLOUD_RUN_SERVICES),
    ),
    Kind(
        keys.CLOUD_RUN_JOBS, CloudRunJob, _placed(keys.cloud_run_job, "location"), "director.resources.cloud_run_jobs",
        apis=("run.googleapis.com",), holds_data=False, findings=of_services(keys.CLOUD_RUN_JOBS),
    ),
    Kind(
        keys.DATAFLOW_JOBS, DataflowJob, _placed(keys.dataflow_job, "region"), "director.resources.dataflow_jobs",
        apis=("dataflow.googleapis.com", "compute.googleapis.com"), findings=of_services(keys.DATAFLOW_JOBS),
    ),
    Kind(
        keys.CHANNELS, NotificationChannel, _within(keys.notification_channel),
        "director.resources.notification_channels",
        apis=("monitoring.googleapis.com",), holds_data=False, findings=unknown_topics,
    ),
    Kind(
        keys.ALERT_POLICIES, AlertPolicy, _within(keys.alert_policy), "director.resources.alert_policies",
        apis=("monitoring.googleapis.com",), holds_data=False, findings=unknown_channels,
    ),
)  # fmt: skip


@cache
def kinds() -> Mapping[str, Kind]:
    """By name, those that came with the director first. Raises Misconfigured for a plug-in that cannot be one."""
    found = {kind.name: kind for kind in BUILT_IN}
    for entry in entry_points(group=GROUP):
        kind = _loaded(entry)
        if kind.name in found:
            raise Misconfigured(f"kind '{kind.name}' of {entry.value} is there already; uninstall one of the two")
        found[kind.name] = kind
    return found


def _loaded(entry: EntryPoint) -> Kind:
    try:
        kind = entry.load()
    except Exception as error:  # somebody else's code: it may raise anything
        raise Misconfigured(f"kind {entry.name} cannot be loaded from {entry.value}: {error}") from error
    if not isinstance(kind, Kind):
        raise Misconfigured(f"kind {entry.name}: {entry.value} is no {Kind.__module__}.Kind; name one")
    return kind
