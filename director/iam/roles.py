"""The roles that services are given, the least that does; the roles of our own making; and what is too much. Pure.

Permissions of predefined roles: https://cloud.google.com/iam/docs/roles-permissions
"""

import re
from dataclasses import dataclass
from typing import Any

PUBLISHER = "roles/pubsub.publisher"  # pubsub.topics.publish, and nothing else
SUBSCRIBER = "roles/pubsub.subscriber"  # consume, attach a subscription to a topic, seek
OBJECT_CREATOR = "roles/storage.objectCreator"  # create, but neither overwrite nor delete
OBJECT_VIEWER = "roles/storage.objectViewer"
OBJECT_USER = "roles/storage.objectUser"  # all that is done to objects, and no policies of theirs
BUCKET_READER = "roles/storage.legacyBucketReader"
DATA_EDITOR = "roles/bigquery.dataEditor"  # no predefined role has tables.updateData and less
DATA_VIEWER = "roles/bigquery.dataViewer"
JOB_USER = "roles/bigquery.jobUser"
DATASTORE_USER = "roles/datastore.user"
DATASTORE_VIEWER = "roles/datastore.viewer"
SECRET_ADDER = "roles/secretmanager.secretVersionAdder"  # noqa: S105 - the name of a role
SECRET_ACCESSOR = "roles/secretmanager.secretAccessor"  # noqa: S105 - the name of a role
DATAFLOW_WORKER = "roles/dataflow.worker"
RUN_INVOKER = "roles/run.invoker"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 - the name of a role


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A role that a project has to have before it can be given to anyone."""

    id: str
    title: str
    description: str
    permissions: tuple[str, ...]

    def name(self, project: str) -> str:
        return f"projects/{project}/roles/{self.id}"

    def definition(self) -> dict[str, Any]:
        """What `gcloud iam roles create ID --file` takes."""
        return {
            "title": self.title,
            "description": self.description,
            "stage": "GA",
            "includedPermissions": list(self.permissions),
        }


OWN_SUBSCRIPTIONS = CustomRole(
    id="iotOwnSubscriptions",
    title="Subscriptions of a service's own",
    description="Makes subscriptions and pulls from them. What is left behind, Pub/Sub lets expire.",
    permissions=("pubsub.subscriptions.consume", "pubsub.subscriptions.create"),
)

BASIC = frozenset({"roles/owner", "roles/editor", "roles/viewer", "roles/reader", "roles/writer", "roles/admin"})
EVERYONE = frozenset({"allUsers", "allAuthenticatedUsers"})
_POWERFUL = re.compile(r"(\.|[a-z])(admin|Admin|owner|Owner|Editor)$|\.editor$|\.legacy\w*Owner$")
_NARROW = frozenset({DATA_EDITOR})  # named an editor, yet it edits data only


def too_broad(role: str, member: str) -> str | None:
    """Why no service should have this grant; None where nothing speaks against it by its name."""
    if member in EVERYONE:
        return "open to everyone; name who needs it"
    if role in BASIC:
        return "a basic role covers every service of the project; give the roles of the plan instead"
    if role not in _NARROW and _POWERFUL.search(role):
        return "may change the resource itself and its policy; give the roles of the plan instead"
    return None
