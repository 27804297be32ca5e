"""Firestore's protobuf classes, and the little encoding that bulk answers and the journal do by hand."""

from google.cloud.firestore_v1.types import common, document, firestore, query, write
from google.protobuf import struct_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from localcloud.rpc import pb

Document = pb(document.Document)
Value = pb(document.Value)
Write = pb(write.Write)
WriteResult = pb(write.WriteResult)
Precondition = pb(common.Precondition)
StructuredQuery = pb(query.StructuredQuery)
Cursor = pb(query.Cursor)

BatchGetDocumentsRequest = pb(firestore.BatchGetDocumentsRequest)
BatchGetDocumentsResponse = pb(firestore.BatchGetDocumentsResponse)
BatchWriteRequest = pb(firestore.BatchWriteRequest)
BatchWriteResponse = pb(firestore.BatchWriteResponse)
BeginTransactionRequest = pb(firestore.BeginTransactionRequest)
BeginTransactionResponse = pb(firestore.BeginTransactionResponse)
CommitRequest = pb(firestore.CommitRequest)
CommitResponse = pb(firestore.CommitResponse)
CreateDocumentRequest = pb(firestore.CreateDocumentRequest)
DeleteDocumentRequest = pb(firestore.DeleteDocumentRequest)
GetDocumentRequest = pb(firestore.GetDocumentRequest)
ListCollectionIdsRequest = pb(firestore.ListCollectionIdsRequest)
ListCollectionIdsResponse = pb(firestore.ListCollectionIdsResponse)
ListDocumentsRequest = pb(firestore.ListDocumentsRequest)
ListDocumentsResponse = pb(firestore.ListDocumentsResponse)
ListenRequest = pb(firestore.ListenRequest)
ListenResponse = pb(firestore.ListenResponse)
PartitionQueryRequest = pb(firestore.PartitionQueryRequest)
PartitionQueryResponse = pb(firestore.PartitionQueryResponse)
RollbackRequest = pb(firestore.RollbackRequest)
RunAggregationQueryRequest = pb(firestore.RunAggregationQueryRequest)
RunAggregationQueryResponse = pb(firestore.RunAggregationQueryResponse)
RunQueryRequest = pb(firestore.RunQueryRequest)
RunQueryResponse = pb(firestore.RunQueryResponse)
UpdateDocumentRequest = pb(firestore.UpdateDocumentRequest)

NULL = struct_pb2.NULL_VALUE


def length_delimited(number: int, body: bytes) -> bytes:
    """Field `number` (below 16) of a message, holding text, bytes or a message."""
    head = bytearray([number << 3 | 2])
    length = len(body)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def timestamp(micros: int) -> Timestamp:
    """`micros` are microseconds since 1970."""
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def micros(stamp: Timestamp) -> int:
    return int(stamp.seconds) * 1_000_000 + int(stamp.nanos) // 1000
