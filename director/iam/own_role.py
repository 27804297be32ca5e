"""What the director itself may do: a custom role with what its providers call, and no more. Pure.

`CALLS` names each call of `director.resources` by module and method; a test holds it against the code. Permissions:
https://cloud.google.com/iam/docs/permissions-reference
"""

from collections.abc import Mapping

from director.documents.kinds import kinds
from director.iam.roles import (
    DATAFLOW_WORKER,
    DATASTORE_USER,
    DATASTORE_VIEWER,
    JOB_USER,
    OWN_SUBSCRIPTIONS,
    CustomRole,
)

_ENTITIES = ("datastore.entities.create", "datastore.entities.delete", "datastore.entities.get",
             "datastore.entities.list", "datastore.entities.update")  # fmt: skip

# Asked of whoever attaches an account to something. On the project: the director sets the policies of accounts, and so
# could give it to itself on each of them anyway.
_ACTS = "iam.serviceAccounts.actAs"

CALLS: Mapping[str, tuple[str, ...]] = {
    "schemas.get_schema": ("pubsub.schemas.get",),
    "schemas.list_schemas": ("pubsub.schemas.list",),
    "schemas.create_schema": ("pubsub.schemas.create",),
    "schemas.commit_schema": ("pubsub.schemas.commit",),
    "schemas.delete_schema": ("pubsub.schemas.delete",),
    "schemas.list_topics": ("pubsub.topics.list",),
    "topics.get_topic": ("pubsub.topics.get",),
    "topics.list_topics": ("pubsub.topics.list",),
    "topics.create_topic": ("pubsub.topics.create", "pubsub.schemas.attach"),
    "topics.update_topic": ("pubsub.topics.update", "pubsub.schemas.attach"),
    "topics.delete_topic": ("pubsub.topics.delete",),
    "topics.list_topic_subscriptions": ("pubsub.topics.get",),
    "subscriptions.get_subscription": ("pubsub.subscriptions.get",),
    "subscriptions.list_subscriptions": ("pubsub.subscriptions.list",),
    "subscriptions.create_subscription": ("pubsub.subscriptions.create", "pubsub.topics.attachSubscription", _ACTS),
    "subscriptions.update_subscription": ("pubsub.subscriptions.update", _ACTS),
    "subscriptions.delete_subscription": ("pubsub.subscriptions.delete",),
    "subscriptions.pull": ("pubsub.subscriptions.consume",),
    "subscriptions.modify_ack_deadline": ("pubsub.subscriptions.consume",),
    "datasets.get_dataset": ("bigquery.datasets.get",),
    "datasets.create_dataset": ("bigquery.datasets.create",),
    "datasets.update_dataset": ("bigquery.datasets.update",),
    "datasets.delete_dataset": ("bigquery.datasets.delete",),
    "datasets.list_tables": ("bigquery.tables.list",),
    "tables.get_table": ("bigquery.tables.get",),
    "tables.create_table": ("bigquery.tables.create",),
    "tables.update_table": ("bigquery.tables.update",),
    "tables.delete_table": ("bigquery.tables.delete",),
    "tables.list_rows": ("bigquery.tables.getData",),
    "views.get_table": ("bigquery.tables.get",),
    "views.create_table": ("bigquery.tables.create", "bigquery.tables.getData"),
    "views.update_table": ("bigquery.tables.update", "bigquery.tables.getData"),
    "views.delete_table": ("bigquery.tables.delete",),
    "buckets.get_bucket": ("storage.buckets.get",),
    "buckets.create_bucket": ("storage.buckets.create",),
    "buckets.patch": ("storage.buckets.update",),
    "buckets.lock_retention_policy": ("storage.buckets.update",),
    "buckets.list_blobs": ("storage.objects.list",),
    "buckets.delete": ("storage.buckets.delete", "storage.objects.delete"),
    "firestore_collections.stream": ("datastore.entities.list",),
    "firestore_collections.get_all": ("datastore.entities.get",),
    "firestore_collections.commit": ("datastore.entities.create",),
    "firestore_collections.delete": ("datastore.entities.delete",),
    "firestore_databases.get_database": ("datastore.databases.getMetadata",),
    "firestore_databases.list_databases": ("datastore.databases.list", "datastore.databases.getMetadata"),
    "firestore_databases.create_database": ("datastore.databases.create",),
    "firestore_databases.update_database": ("datastore.databases.update",),
    "firestore_databases.delete_database": ("datastore.databases.delete",),
    "firestore_databases.collections": ("datastore.entities.list",),
    "firestore_indexes.list_indexes": ("datastore.indexes.list",),
    "firestore_indexes.get_index": ("datastore.indexes.get",),
    "firestore_indexes.create_index": ("datastore.indexes.create",),
    "firestore_indexes.delete_index": ("datastore.indexes.delete",),
    "firestore_ttls.get_field": ("datastore.indexes.get",),
    "firestore_ttls.list_fields": ("datastore.indexes.list",),
    "firestore_ttls.update_field": ("datastore.indexes.update",),
    "scheduler_jobs.get_job": ("cloudscheduler.jobs.get", "cloudscheduler.jobs.fullView"),
    "scheduler_jobs.list_jobs": ("cloudscheduler.jobs.list", "cloudscheduler.jobs.fullView"),
    "scheduler_jobs.create_job": ("cloudscheduler.jobs.create", _ACTS),
    "scheduler_jobs.update_job": ("cloudscheduler.jobs.update", _ACTS),
    "scheduler_jobs.pause_job": ("cloudscheduler.jobs.pause",),
    "scheduler_jobs.resume_job": ("cloudscheduler.jobs.enable",),
    "scheduler_jobs.delete_job": ("cloudscheduler.jobs.delete",),
    "secrets.get_secret": ("secretmanager.secrets.get",),
    "secrets.list_secrets": ("secretmanager.secrets.list",),
    "secrets.create_secret": ("secretmanager.secrets.create",),
    "secrets.update_secret": ("secretmanager.secrets.update",),
    "secrets.delete_secret": ("secretmanager.secrets.delete",),
    "secrets.get_secret_version": ("secretmanager.versions.get",),
    "secrets.list_secret_versions": ("secretmanager.versions.list",),
    "cloud_run_services.list_services": ("run.services.list",),
    "cloud_run_services.create_service": ("run.services.create", _ACTS),
    "cloud_run_services.delete_service": ("run.services.delete",),
    "rollouts.get_service": ("run.services.get",),
    "rollouts.update_service": ("run.services.update", _ACTS),
    "rollouts.get_operation": ("run.operations.get",),
    "cloud_run_jobs.get_job": ("run.jobs.get",),
    "cloud_run_jobs.list_jobs": ("run.jobs.list",),
    "cloud_run_jobs.create_job": ("run.jobs.create", _ACTS),
    "cloud_run_jobs.update_job": ("run.jobs.update", _ACTS),
    "cloud_run_jobs.delete_job": ("run.jobs.delete",),
    "dataflow_jobs.list_jobs": ("dataflow.jobs.list",),
    "dataflow_jobs.get_job": ("dataflow.jobs.get",),
    "dataflow_jobs.launch_flex_template": ("dataflow.jobs.create", "storage.objects.get", _ACTS),
    "dataflow_jobs.list_job_messages": ("dataflow.messages.list",),
    "dataflow_jobs.update_job": ("dataflow.jobs.cancel", "dataflow.jobs.updateContents"),
    "notification_channels.list_notification_channels": ("monitoring.notificationChannels.list",),
    "notification_channels.create_notification_channel": ("monitoring.notificationChannels.create",),
    "notification_channels.update_notification_channel": ("monitoring.notificationChannels.update",),
    "notification_channels.delete_notification_channel": ("monitoring.notificationChannels.delete",),
    "notification_channels.list_alert_policies": ("monitoring.alertPolicies.list",),
    "alert_policies.list_alert_policies": ("monitoring.alertPolicies.list",),
    "alert_policies.create_alert_policy": ("monitoring.alertPolicies.create",),
    "alert_policies.update_alert_policy": ("monitoring.alertPolicies.update",),
    "alert_policies.delete_alert_policy": ("monitoring.alertPolicies.delete",),
    "alert_policies.list_notification_channels": ("monitoring.notificationChannels.list",),
}
BESIDES: Mapping[str, tuple[str, ...]] = {
    "director.invalidation tells of changes": ("pubsub.topics.publish",),
    "what the director remembers is in Firestore": _ENTITIES,
    "policies of schemas": ("pubsub.schemas.getIamPolicy", "pubsub.schemas.setIamPolicy"),
    "policies of topics": ("pubsub.topics.getIamPolicy", "pubsub.topics.setIamPolicy"),
    "policies of subscriptions": ("pubsub.subscriptions.getIamPolicy", "pubsub.subscriptions.setIamPolicy"),
    "policies of tables and views": ("bigquery.tables.getIamPolicy", "bigquery.tables.setIamPolicy"),
    "policies of buckets": ("storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"),
    "policies of secrets": ("secretmanager.secrets.getIamPolicy", "secretmanager.secrets.setIamPolicy"),
    "policies of service accounts": ("iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.setIamPolicy"),
    "policies of Cloud Run services": ("run.services.getIamPolicy", "run.services.setIamPolicy"),
    "policies of Cloud Run jobs": ("run.jobs.getIamPolicy", "run.jobs.setIamPolicy"),
    "the number of the project": ("resourcemanager.projects.get",),
    "what Firestore does in its own time": ("datastore.operations.get",),
    "service accounts, through plain JSON": tuple(
        f"iam.serviceAccounts.{verb}" for verb in ("create", "delete", "disable", "enable", "get", "list", "update")
    ),
}

_PLUGGED = tuple(kind.permissions for kind in kinds().values())

DIRECTOR = CustomRole(
    id="iotDirector",
    title="Director",
    description="Makes, changes and deletes what architecture documents describe, and who may use it.",
    permissions=tuple(sorted({each for of in (*CALLS.values(), *BESIDES.values(), *_PLUGGED) for each in of})),
)
GRANTING = CustomRole(
    id="iotDirectorGrants",
    title="Director: grants on the project",
    description="Changes the project's policy. Never without the condition that names which roles.",
    permissions=("resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"),
)
CUSTOM_ROLES = (DIRECTOR, GRANTING, OWN_SUBSCRIPTIONS)


def granting_condition(project: str) -> str:
    """Under it GRANTING gives only the roles that a plan has on projects: else it would be as good as an owner's.

    https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
    """
    given = ", ".join(f"'{role}'" for role in given_on_projects(project))
    return f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{given}])"


def given_on_projects(project: str) -> tuple[str, ...]:
    return JOB_USER, DATASTORE_USER, DATASTORE_VIEWER, DATAFLOW_WORKER, OWN_SUBSCRIPTIONS.name(project)
