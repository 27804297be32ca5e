"""The door for single documents, commits and transactions.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#firestore
"""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.rpc import status_pb2

from localcloud.faults import Faults
from localcloud.firestore.database import Committed, Database
from localcloud.firestore.field_paths import masked
from localcloud.firestore.messages import (
    BatchGetDocumentsRequest,
    BatchWriteRequest,
    BatchWriteResponse,
    BeginTransactionRequest,
    BeginTransactionResponse,
    CommitRequest,
    CommitResponse,
    CreateDocumentRequest,
    DeleteDocumentRequest,
    GetDocumentRequest,
    Precondition,
    RollbackRequest,
    UpdateDocumentRequest,
    Write,
    WriteResult,
    length_delimited,
    timestamp,
)
from localcloud.firestore.names import check_id, database_of, document_path, parent_path
from localcloud.firestore.reading import reading
from localcloud.firestore.store import Store
from localcloud.firestore.transactions import Transactions
from localcloud.firestore.writes import target
from localcloud.rpc import RpcError, RpcService, invalid_argument, not_found, server_stream, unary

_MOST_BATCHED = 500


class DocumentRpcs(RpcService):
    service = "google.firestore.v1.Firestore"
    short = "firestore"

    def __init__(self, store: Store, transactions: Transactions, faults: Faults) -> None:
        super().__init__(faults)
        self._store = store
        self._transactions = transactions

    @unary(GetDocumentRequest)
    async def GetDocument(self, request: Any) -> Any:
        database = self._of(request.name)
        document_path(request.name, database.name)
        entry = (await reading(request, database, self._transactions, [request.name])).get(request.name)
        if entry is None:
            raise not_found(f"Document {request.name!r} not found.")
        return masked(entry.document, request.mask.field_paths) if request.HasField("mask") else entry.encoded

    @server_stream(BatchGetDocumentsRequest)
    async def BatchGetDocuments(self, request: Any) -> AsyncIterator[bytes]:
        """Answers are put together from encoded documents: this serves bulk reads."""
        database = self._store.database(request.database)
        found = await reading(request, database, self._transactions, request.documents)
        if found.begun:
            yield length_delimited(3, found.begun)
        at = length_delimited(4, timestamp(found.view.time).SerializeToString())
        mask = request.mask.field_paths if request.HasField("mask") else None
        for answer in [self._found(found.get(name), name, database, mask) for name in dict.fromkeys(request.documents)]:
            yield answer + at

    @unary(CommitRequest)
    async def Commit(self, request: Any) -> Any:
        database = self._store.database(request.database)
        if request.transaction:
            transaction = self._transactions.get(request.transaction, database)
            committed = self._transactions.commit(transaction, request.writes)
        else:
            committed = database.commit(request.writes)
        return CommitResponse(write_results=committed.results, commit_time=timestamp(committed.time))

    @unary(BatchWriteRequest)
    async def BatchWrite(self, request: Any) -> Any:
        """Each write on its own: some may fail while others happen."""
        database = self._store.database(request.database)
        names = [target(write) for write in request.writes]
        if len(names) > _MOST_BATCHED:
            raise invalid_argument(f"Maximum {_MOST_BATCHED} writes allowed per request.")
        if len(set(names)) < len(names):
            raise invalid_argument("Cannot write the same document more than once in a request.")
        response = BatchWriteResponse()
        for write in request.writes:
            result, status = _outcome(database, write)
            response.write_results.append(result)
            response.status.append(status)
        return response

    @unary(BeginTransactionRequest)
    async def BeginTransaction(self, request: Any) -> Any:
        database = self._store.database(request.database)
        transaction = self._transactions.begin(database, request.options)
        return BeginTransactionResponse(transaction=transaction.id)

    @unary(RollbackRequest)
    async def Rollback(self, request: Any) -> Any:
        self._transactions.roll_back(request.transaction, self._store.database(request.database))
        return empty_pb2.Empty()

    @unary(CreateDocumentRequest)
    async def CreateDocument(self, request: Any) -> Any:
        database = self._of(request.parent)
        parent_path(request.parent, database.name)
        check_id(request.collection_id)
        last = check_id(request.document_id) if request.document_id else secrets.token_urlsafe(15)
        name = f"{request.parent}/{request.collection_id}/{last}"
        write = Write(update=request.document, current_document=Precondition(exists=False))
        write.update.name = name
        database.commit([write])
        return self._answer(database, name, request)

    @unary(UpdateDocumentRequest)
    async def UpdateDocument(self, request: Any) -> Any:
        database = self._of(request.document.name)
        write = Write(update=request.document)
        for part in ("update_mask", "current_document"):
            if request.HasField(part):
                getattr(write, part).CopyFrom(getattr(request, part))
        database.commit([write])
        return self._answer(database, request.document.name, request)

    @unary(DeleteDocumentRequest)
    async def DeleteDocument(self, request: Any) -> Any:
        write = Write(delete=request.name)
        if request.HasField("current_document"):
            write.current_document.CopyFrom(request.current_document)
        self._of(request.name).commit([write])
        return empty_pb2.Empty()

    def _of(self, name: str) -> Database:
        return self._store.database(database_of(name))

    def _answer(self, database: Database, name: str, request: Any) -> Any:
        entry = database.entries[name]
        return masked(entry.document, request.mask.field_paths) if request.HasField("mask") else entry.encoded

    def _found(self, entry: Any, name: str, database: Database, mask: Any) -> bytes:
        if entry is None:
            document_path(name, database.name)
            return length_delimited(2, name.encode())
        if mask is None:
            return length_delimited(1, entry.encoded)
        return length_delimited(1, masked(entry.document, mask).SerializeToString())


def _outcome(database: Database, write: Any) -> tuple[Any, Any]:
    """The result of a write that may fail alone, and its status."""
    try:
        committed: Committed = database.commit([write])
    except RpcError as error:
        return WriteResult(), status_pb2.Status(code=error.code.value[0], message=error.message)
    return committed.results[0], status_pb2.Status(code=grpc.StatusCode.OK.value[0])
