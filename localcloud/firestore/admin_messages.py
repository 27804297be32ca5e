"""The messages of Firestore's admin API, as protobuf classes."""

from google.cloud.firestore_admin_v1.types import database, field, firestore_admin, index, operation

from localcloud.rpc import pb

Database = pb(database.Database)
Field = pb(field.Field)
TtlState = field.Field.TtlConfig.State
Index = pb(index.Index)
IndexState = index.Index.State

CreateDatabaseMetadata = pb(firestore_admin.CreateDatabaseMetadata)
CreateDatabaseRequest = pb(firestore_admin.CreateDatabaseRequest)
CreateIndexRequest = pb(firestore_admin.CreateIndexRequest)
DeleteDatabaseMetadata = pb(firestore_admin.DeleteDatabaseMetadata)
DeleteDatabaseRequest = pb(firestore_admin.DeleteDatabaseRequest)
DeleteIndexRequest = pb(firestore_admin.DeleteIndexRequest)
FieldOperationMetadata = pb(operation.FieldOperationMetadata)
GetDatabaseRequest = pb(firestore_admin.GetDatabaseRequest)
GetFieldRequest = pb(firestore_admin.GetFieldRequest)
GetIndexRequest = pb(firestore_admin.GetIndexRequest)
IndexOperationMetadata = pb(operation.IndexOperationMetadata)
ListDatabasesRequest = pb(firestore_admin.ListDatabasesRequest)
ListDatabasesResponse = pb(firestore_admin.ListDatabasesResponse)
ListFieldsRequest = pb(firestore_admin.ListFieldsRequest)
ListFieldsResponse = pb(firestore_admin.ListFieldsResponse)
ListIndexesRequest = pb(firestore_admin.ListIndexesRequest)
ListIndexesResponse = pb(firestore_admin.ListIndexesResponse)
UpdateDatabaseMetadata = pb(firestore_admin.UpdateDatabaseMetadata)
UpdateDatabaseRequest = pb(firestore_admin.UpdateDatabaseRequest)
UpdateFieldRequest = pb(firestore_admin.UpdateFieldRequest)
