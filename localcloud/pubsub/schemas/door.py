"""The door for schemas: google.pubsub.v1.SchemaService."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import SchemaView
from google.pubsub_v1.types import schema as types

from localcloud.faults import Faults
from localcloud.pubsub import names
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.schemas.avro import Unfit
from localcloud.pubsub.schemas.store import check, shown
from localcloud.rpc import RpcService, invalid_argument, pb, unary

ListSchemasResponse = pb(types.ListSchemasResponse)
ListSchemaRevisionsResponse = pb(types.ListSchemaRevisionsResponse)
ValidateSchemaResponse = pb(types.ValidateSchemaResponse)
ValidateMessageResponse = pb(types.ValidateMessageResponse)
BASIC, FULL = SchemaView.BASIC, SchemaView.FULL


class SchemaService(RpcService):
    service = "google.pubsub.v1.SchemaService"
    short = "pubsub"

    def __init__(self, faults: Faults, exchange: Exchange) -> None:
        super().__init__(faults)
        self._exchange = exchange
        self._schemas = exchange.schemas

    @unary(pb(types.CreateSchemaRequest))
    async def CreateSchema(self, request: Any) -> Any:
        return self._schemas.create(f"{request.parent}/schemas/{request.schema_id}", request.schema)

    @unary(pb(types.GetSchemaRequest))
    async def GetSchema(self, request: Any) -> Any:
        return shown(self._schemas.get(request.name), request.view, FULL)

    @unary(pb(types.ListSchemasRequest))
    async def ListSchemas(self, request: Any) -> Any:
        found = self._schemas.of_project(request.parent)
        page, token = names.page(found, request.page_size, request.page_token)
        return ListSchemasResponse(schemas=_shown(page, request), next_page_token=token)

    @unary(pb(types.ListSchemaRevisionsRequest))
    async def ListSchemaRevisions(self, request: Any) -> Any:
        """The newest first."""
        newest = reversed(self._schemas.revisions(request.name))
        found = {f"{number:02}": each for number, each in enumerate(newest)}
        page, token = names.page(found, request.page_size, request.page_token)
        return ListSchemaRevisionsResponse(schemas=_shown(page, request), next_page_token=token)

    @unary(pb(types.CommitSchemaRequest))
    async def CommitSchema(self, request: Any) -> Any:
        return self._schemas.commit(request.name, request.schema)

    @unary(pb(types.RollbackSchemaRequest))
    async def RollbackSchema(self, request: Any) -> Any:
        return self._schemas.rollback(request.name, request.revision_id)

    @unary(pb(types.DeleteSchemaRevisionRequest))
    async def DeleteSchemaRevision(self, request: Any) -> Any:
        return self._schemas.delete_revision(request.name)

    @unary(pb(types.DeleteSchemaRequest))
    async def DeleteSchema(self, request: Any) -> Any:
        self._exchange.delete_schema(request.name)
        return Empty()

    @unary(pb(types.ValidateSchemaRequest))
    async def ValidateSchema(self, request: Any) -> Any:
        names.of_project({}, request.parent)
        self._schemas.definition(request.schema)
        return ValidateSchemaResponse()

    @unary(pb(types.ValidateMessageRequest))
    async def ValidateMessage(self, request: Any) -> Any:
        names.of_project({}, request.parent)
        wanted = self._schemas.get(request.name) if request.WhichOneof("schema_spec") == "name" else request.schema
        try:
            check(self._schemas.definition(wanted), request.message, request.encoding)
        except Unfit as error:
            raise invalid_argument(f"Invalid message: {error}.") from error
        return ValidateMessageResponse()


def _shown(schemas: Iterable[Any], request: Any) -> list[Any]:
    return [shown(each, request.view, BASIC) for each in schemas]
