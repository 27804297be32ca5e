"""An architecture as people write it: dataflows, each of services and the resources they are linked to.

Pure description, checked in itself; what refers to what is checked in `references`, over all documents at once.
"""

from functools import cache
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from director.documents.deployments import Deployment, HealthCheck
from director.documents.kinds import BUILT_IN, Kind, kinds
from director.documents.manager import ServiceManager
from director.documents.regions import Location, Region
from director.documents.specs.accounts import ServiceAccount
from director.documents.specs.bigquery import Dataset, Table, View
from director.documents.specs.dataflow_jobs import DataflowJob
from director.documents.specs.firestore import Collection, Database, Index, Ttl
from director.documents.specs.monitoring import AlertPolicy, NotificationChannel
from director.documents.specs.pubsub import Schema, Subscription, Topic
from director.documents.specs.run import CloudRunJob, CloudRunService
from director.documents.specs.scheduler import SchedulerJob
from director.documents.specs.secrets import Secret
from director.documents.specs.storage import Bucket
from director.names import Id, Labels, ProjectId, ServiceAccountName, Suffix
from director.strict import Strict


class Resources(Strict):
    """Everything a dataflow needs, by kind."""

    schemas: tuple[Schema, ...] = ()
    topics: tuple[Topic, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    bigquery_datasets: tuple[Dataset, ...] = ()
    bigquery_tables: tuple[Table, ...] = ()
    bigquery_views: tuple[View, ...] = ()
    gcs_buckets: tuple[Bucket, ...] = ()
    firestore_collections: tuple[Collection, ...] = ()
    firestore_databases: tuple[Database, ...] = ()
    firestore_indexes: tuple[Index, ...] = ()
    firestore_ttls: tuple[Ttl, ...] = ()
    cloud_scheduler_jobs: tuple[SchedulerJob, ...] = ()
    secrets: tuple[Secret, ...] = ()
    service_accounts: tuple[ServiceAccount, ...] = ()
    cloud_run_services: tuple[CloudRunService, ...] = ()
    cloud_run_jobs: tuple[CloudRunJob, ...] = ()
    dataflow_jobs: tuple[DataflowJob, ...] = ()
    notification_channels: tuple[NotificationChannel, ...] = ()
    alert_policies: tuple[AlertPolicy, ...] = ()


class Service(Strict):
    """A program of a dataflow. `config` is its own: free-form here, checked by the service.

    `name`, which older documents repeat, is the key it stands under; `metadata` is for whoever reads it.
    """

    name: Id | None = None
    description: str = ""
    service_account: ServiceAccountName
    dependencies: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    health_check: HealthCheck | None = None
    deployment: Deployment | None = None
    config: dict[str, Any] = Field(default_factory=dict)


class Lifecycle(Strict):
    """Whether a dataflow is there to stay; of one that is not, `keep_resources_on_test` keeps the resources anyway."""

    strategy: Literal["permanent", "ephemeral"] = "permanent"
    keep_resources_on_test: bool = False


class Dataflow(Strict):
    """Services that work together, and their resources. `name`, if any, is the key it stands under."""

    name: Id | None = None
    description: str = ""
    lifecycle: Lifecycle = Lifecycle()
    teardown_protection: bool = False
    services: dict[Id, Service] = Field(default_factory=dict)
    resources: Resources = Resources()


class Architecture(Strict):
    """A whole deployment in one project. Labels go to every resource that can have them.

    What stands under `deployment_environments` is laid over the rest where one of them is asked for. A `name_suffix`
    goes to the name of the whole and of every resource, so that one environment can be beside another in a project.
    """

    name: Id
    description: str = ""
    project_id: ProjectId
    region: Region
    location: Location
    name_suffix: Suffix | None = None
    labels: Labels = Field(default_factory=dict)
    teardown_protection: bool = False
    default_environment: Id | None = None
    deployment_environments: dict[Id, dict[str, Any]] = Field(default_factory=dict)
    service_manager_spec: ServiceManager | None = None
    dataflows: Annotated[dict[Id, Dataflow], Field(min_length=1)]


@cache
def architecture() -> type[Architecture]:
    """The model with the kinds of plug-ins in it. Raises Misconfigured for one that cannot be loaded."""
    plugged = [kind for kind in kinds().values() if kind not in BUILT_IN]
    added: dict[str, Any] = {kind.name: (_some(kind), ()) for kind in plugged}
    if not added:
        return Architecture
    resources = create_model("Resources", __base__=Resources, **added)
    dataflow = create_model("Dataflow", __base__=Dataflow, resources=(resources, resources()))
    dataflows = Annotated[dict[Id, dataflow], Field(min_length=1)]  # type: ignore[valid-type]
    return create_model("Architecture", __base__=Architecture, dataflows=(dataflows, ...))


def _some(kind: Kind) -> Any:
    return GenericAlias(tuple, (kind.spec, ...))
