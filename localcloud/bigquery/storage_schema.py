"""Table schemas as the Storage API spells them: google.cloud.bigquery.storage.v1.TableSchema."""

from typing import Any

from google.cloud.bigquery_storage_v1 import types

from localcloud.bigquery.schema import Field, Schema
from localcloud.rpc import pb

TABLE_SCHEMA = pb(types.TableSchema)
FIELD_SCHEMA = pb(types.TableFieldSchema)
_NAMES = {"INTEGER": "INT64", "FLOAT": "DOUBLE", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}


def table_schema(schema: Schema) -> Any:
    return TABLE_SCHEMA(fields=[_field(each) for each in schema])


def _field(each: Field) -> Any:
    return FIELD_SCHEMA(
        name=each.name,
        type_=_NAMES.get(each.type, each.type),
        mode=each.mode,
        fields=[_field(child) for child in each.fields],
        description=each.kept.get("description", ""),
        max_length=each.max_length or 0,
        precision=each.precision or 0,
        scale=each.scale or 0,
    )
