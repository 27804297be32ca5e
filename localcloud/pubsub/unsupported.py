"""Services of Pub/Sub that are not there, and say so."""

from localcloud.rpc import RpcService, refused


def _closed_door(service: str, *names: str) -> type[RpcService]:
    members = {"service": service, "short": "pubsub"} | {name: refused(f"{service}.{name}") for name in names}
    return type(service.rpartition(".")[2], (RpcService,), members)


SchemaService = _closed_door(
    "google.pubsub.v1.SchemaService",
    "CreateSchema",
    "GetSchema",
    "ListSchemas",
    "ListSchemaRevisions",
    "CommitSchema",
    "RollbackSchema",
    "DeleteSchemaRevision",
    "DeleteSchema",
    "ValidateSchema",
    "ValidateMessage",
)
