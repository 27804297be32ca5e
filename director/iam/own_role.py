"""What the director itself may do: a custom role with what its providers call, and no more. Pure.

`CALLS` names each call of `director.resources` by module and method; a test holds it against the code. Permissions:
https://cloud.google.com/iam/docs/permissions-reference
"""

from collections.abc import Mapping

from director.documents.kinds import kinds
from director.iam.roles import DATASTORE_USER, DATASTORE_VIEWER, JOB_USER, OWN_SUBSCRIPTIONS, CustomRole

_ENTITIES = ("datastore.entities.create", "datastore.entities.delete", "datastore.entities.get",
             "datastore.entities.list", "datastore.entities.update")  # fmt: skip

CALLS: Mapping[str, tuple[str, ...]] = {
    "topics.get_topic": ("pubsub.topics.get",),
    "topics.list_topics": ("pubsub.topics.list",),
    "topics.create_topic": ("pubsub.topics.create",),
    "topics.update_topic": ("pubsub.topics.update",),
    "topics.delete_topic": ("pubsub.topics.delete",),
    "topics.list_topic_subscriptions": ("pubsub.topics.get",),
    "subscriptions.get_subscription": ("pubsub.subscriptions.get",),
    "subscriptions.list_subscriptions": ("pubsub.subscriptions.list",),
    "subscriptions.create_subscription": ("pubsub.subscriptions.create", "pubsub.topics.attachSubscription"),
    "subscriptions.update_subscription": ("pubsub.subscriptions.update",),
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
    "buckets.list_blobs": ("storage.objects.list",),
    "buckets.delete": ("storage.buckets.delete", "storage.objects.delete"),
    "firestore_collections.stream": ("datastore.entities.list",),
    "firestore_collections.get_all": ("datastore.entities.get",),
    "firestore_collections.commit": ("datastore.entities.create",),
    "firestore_collections.delete": ("datastore.entities.delete",),
}
BESIDES: Mapping[str, tuple[str, ...]] = {
    "director.invalidation tells of changes": ("pubsub.topics.publish",),
    "what the director remembers is in Firestore": _ENTITIES,
    "policies of topics": ("pubsub.topics.getIamPolicy", "pubsub.topics.setIamPolicy"),
    "policies of subscriptions": ("pubsub.subscriptions.getIamPolicy", "pubsub.subscriptions.setIamPolicy"),
    "policies of tables and views": ("bigquery.tables.getIamPolicy", "bigquery.tables.setIamPolicy"),
    "policies of buckets": ("storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"),
    "policies of secrets": ("secretmanager.secrets.getIamPolicy", "secretmanager.secrets.setIamPolicy"),
    "policies of the accounts that a push signs as": (
        "iam.serviceAccounts.actAs",
        "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.setIamPolicy",
    ),
    "the number of the project": ("resourcemanager.projects.get",),
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
    return JOB_USER, DATASTORE_USER, DATASTORE_VIEWER, OWN_SUBSCRIPTIONS.name(project)
