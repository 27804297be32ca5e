"""Refusals of the Storage Write API: a gRPC status with a StorageError among its details."""

from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types
from google.rpc import status_pb2

from localcloud.bigquery.conversions import SchemaMismatch
from localcloud.bigquery.streams import StreamError
from localcloud.rpc import RpcError, pb

STORAGE_ERROR = pb(types.StorageError)


def status(entity: str, error: StreamError) -> Any:
    """The google.rpc.Status of an error, to be part of an answer."""
    made = status_pb2.Status(code=grpc.StatusCode[error.status].value[0], message=error.message)
    made.details.add().Pack(STORAGE_ERROR(code=error.code, entity=entity, error_message=error.message))
    return made


def ending(entity: str, error: StreamError) -> RpcError:
    """The error that ends a call."""
    trailers = (("grpc-status-details-bin", status(entity, error).SerializeToString()),)
    return RpcError(grpc.StatusCode[error.status], error.message, trailers)


def mismatch(entity: str, error: SchemaMismatch) -> StreamError:
    """A writer's schema that does not fit the table's."""
    code = "SCHEMA_MISMATCH_EXTRA_FIELDS" if error.extra else "STORAGE_ERROR_CODE_UNSPECIFIED"
    return StreamError(code, "INVALID_ARGUMENT", f"{error} Entity: {entity}")
