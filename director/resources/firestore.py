"""What the kinds of Firestore have in common: who administers it, and what each of them belongs to."""

from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport

from director import keys
from director.keys import Key
from director.provisioning.base import Context
from director.provisioning.clients import Clients


def admin(clients: Clients) -> FirestoreAdminClient:
    return FirestoreAdminClient(transport=FirestoreAdminGrpcTransport(channel=clients.channel("firestore")))


def database_needed(context: Context, name: str) -> tuple[Key, ...]:
    """The database, where the dataflow declares it: else it is there already, or another's to make."""
    declared = context.architecture.dataflows[context.dataflow].resources.firestore_databases
    return tuple(keys.database(context.project, one.name) for one in declared if one.name == name)


def services_of(context: Context, collection: str, database: str) -> frozenset[str]:
    """Those linked to the collection, where the dataflow declares it."""
    declared = context.architecture.dataflows[context.dataflow].resources.firestore_collections
    found = (one for one in declared if (one.name, one.database) == (collection, database))
    return frozenset(link.name for one in found for link in one.links)
