"""The door for queries, aggregations and listings.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#firestore
"""

import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import grpc

from localcloud.firestore.aggregates import aggregate, aliases_of, check_aggregations
from localcloud.firestore.database import Database
from localcloud.firestore.document_rpcs import DocumentRpcs
from localcloud.firestore.field_paths import masked
from localcloud.firestore.messages import (
    Cursor,
    Document,
    ListCollectionIdsRequest,
    ListCollectionIdsResponse,
    ListDocumentsRequest,
    ListDocumentsResponse,
    PartitionQueryRequest,
    PartitionQueryResponse,
    RunAggregationQueryRequest,
    RunAggregationQueryResponse,
    RunQueryRequest,
    Value,
    length_delimited,
    timestamp,
)
from localcloud.firestore.names import Path, parent_path
from localcloud.firestore.query import Query, query
from localcloud.firestore.reading import reading
from localcloud.firestore.views import View
from localcloud.rpc import RpcError, invalid_argument, server_stream, unary

_LARGEST_PAGE = 300


class QueryRpcs(DocumentRpcs):
    @server_stream(RunQueryRequest)
    async def RunQuery(self, request: Any) -> AsyncIterator[bytes]:
        """A query without results still answers once, with its time."""
        _refuse_explain(request)
        asked, database = self._query(request.parent, request.structured_query)
        found = await reading(request, database, self._transactions)
        at = length_delimited(3, timestamp(found.view.time).SerializeToString())
        if found.begun:
            yield length_delimited(2, found.begun) + at
        entries = found.run(asked)
        for entry in entries:
            yield length_delimited(1, asked.projected(entry)) + at
        if not entries and not found.begun:
            yield at

    @server_stream(RunAggregationQueryRequest)
    async def RunAggregationQuery(self, request: Any) -> AsyncIterator[Any]:
        _refuse_explain(request)
        asked, database = self._query(request.parent, request.structured_aggregation_query.structured_query)
        aggregations = request.structured_aggregation_query.aggregations
        check_aggregations(aggregations)
        found = await reading(request, database, self._transactions)
        entries = found.run(asked)
        response = RunAggregationQueryResponse(transaction=found.begun, read_time=timestamp(found.view.time))
        for alias, aggregation in zip(aliases_of(aggregations), aggregations, strict=True):
            response.result.aggregate_fields[alias].CopyFrom(aggregate(aggregation, entries))
        yield response

    @unary(PartitionQueryRequest)
    async def PartitionQuery(self, request: Any) -> Any:
        """Cursors that split the results into parts of equal size, all on one page."""
        asked, database = self._query(request.parent, request.structured_query)
        if request.partition_count < 1:
            raise invalid_argument("partition_count must be positive.")
        entries = asked.run((await reading(request, database, self._transactions)).view)
        parts = min(request.partition_count + 1, len(entries))
        chosen = [entries[len(entries) * part // parts] for part in range(1, parts)]
        cursors = [Cursor(values=[Value(reference_value=entry.name)], before=True) for entry in chosen]
        return PartitionQueryResponse(partitions=cursors)

    @unary(ListDocumentsRequest)
    async def ListDocuments(self, request: Any) -> Any:
        if request.order_by:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "localcloud's Firestore does not list documents by order_by")
        database = self._of(request.parent)
        parent = parent_path(request.parent, database.name)
        view = (await reading(request, database, self._transactions)).view
        documents = list(_listed(view, database, parent, request))
        page, token = _page(documents, [document.name for document in documents], request)
        if request.HasField("mask"):
            page = [masked(document, request.mask.field_paths) for document in page]
        return ListDocumentsResponse(documents=page, next_page_token=token)

    @unary(ListCollectionIdsRequest)
    async def ListCollectionIds(self, request: Any) -> Any:
        database = self._of(request.parent)
        parent = parent_path(request.parent, database.name)
        view = (await reading(request, database, self._transactions)).view
        ids = sorted({entry.path[len(parent)] for entry in view.below(parent) if len(entry.path) > len(parent)})
        page, token = _page(ids, ids, request)
        return ListCollectionIdsResponse(collection_ids=page, next_page_token=token)

    def _query(self, parent: str, asked: Any) -> tuple[Query, Database]:
        database = self._of(parent)
        return query(parent_path(parent, database.name), asked), database


def _refuse_explain(request: Any) -> None:
    if request.HasField("explain_options"):
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "localcloud's Firestore does not explain queries")


def _listed(view: View, database: Database, parent: Path, request: Any) -> Iterator[Any]:
    """Documents of the collection, or of all of the parent's; missing ones, if wanted, are only a name."""
    first = (*parent, request.collection_id) if request.collection_id else parent
    depth = len(parent) + 2
    last: Path = ()
    for entry in view.below(first):
        path = entry.path[:depth]
        if len(path) < depth or path == last:
            continue
        if len(entry.path) == depth:
            yield entry.document
        elif request.show_missing:
            yield Document(name=f"{database.name}/documents/{'/'.join(path)}")
        else:
            continue
        last = path


def _page(items: Sequence[Any], names: Sequence[str], request: Any) -> tuple[list[Any], str]:
    """The items after the one that the page token names, and the next token; `names` are in order."""
    start = 0
    if request.page_token:
        try:
            start = names.index(base64.urlsafe_b64decode(request.page_token).decode()) + 1
        except ValueError as error:
            raise invalid_argument("Invalid page token.") from error
    end = start + (request.page_size or _LARGEST_PAGE)
    token = base64.urlsafe_b64encode(names[end - 1].encode()).decode() if end < len(items) else ""
    return list(items[start:end]), token
