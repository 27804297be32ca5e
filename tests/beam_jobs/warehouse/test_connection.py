"""A request put together by hand is what protobuf would write."""

from typing import Any

from google.cloud.bigquery_storage_v1 import types
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.warehouse.connection import append_request

Data = types.AppendRowsRequest.ProtoData


@given(rows=st.lists(st.binary(max_size=300), max_size=6), large=st.booleans(), stream=st.text(max_size=9))
def test_a_request_is_protobuf_s_own(rows: list[bytes], large: bool, stream: str) -> None:
    rows += [b"x" * 70_000] if large else []
    wanted: Any = types.AppendRowsRequest.pb(types.AppendRowsRequest(write_stream=stream))
    start = wanted.SerializeToString()
    wanted.proto_rows.rows.serialized_rows.extend(rows)
    wanted.proto_rows.rows.SetInParent()
    schema: Any = Data.pb(Data())
    if stream:
        schema.writer_schema.proto_descriptor.CopyFrom(descriptor_pb2.DescriptorProto(name="Row"))
        wanted.proto_rows.writer_schema.CopyFrom(schema.writer_schema)
    assert append_request(start, schema.SerializeToString(), rows) == wanted.SerializeToString(deterministic=True)
