"""Doors that only say, by name, what is not there; without them the answer would be a bare "Method not found!"."""

from typing import Any

import grpc

from localcloud.rpc import RAW, RpcError, RpcService, unary


def _refusal(service: str, name: str) -> Any:
    async def refuse(self: RpcService, request: bytes) -> Any:
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"localcloud does not support {service}.{name}.")

    return unary(RAW)(refuse)


def _closed_door(service: str, *names: str) -> type[RpcService]:
    members = {"service": service, "short": "pubsub"} | {name: _refusal(service, name) for name in names}
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
