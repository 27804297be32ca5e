"""CREATE, ALTER and DROP as changes of the catalog: the REST resource a statement spells, and what to do with it."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from sqlglot import exp

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.database import Transaction
from localcloud.bigquery.dialect import query_text
from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.functions import Tree, part
from localcloud.bigquery.literals import timestamp_micros
from localcloud.bigquery.names import TableName, dataset_name, table_name
from localcloud.bigquery.resolution import Context, Resolution
from localcloud.bigquery.results import described, selected
from localcloud.bigquery.schema import Schema, schema_from_resource
from localcloud.bigquery.sql import rendered
from localcloud.bigquery.statements import Definition, Outcome

_DAY_MS = 86_400_000
_TYPES = {"BIGINT": "INTEGER", "DOUBLE": "FLOAT", "BOOLEAN": "BOOLEAN", "TEXT": "STRING", "BINARY": "BYTES",
          "TIMESTAMPTZ": "TIMESTAMP", "TIMESTAMP": "DATETIME", "DATE": "DATE", "TIME": "TIME", "JSON": "JSON",
          "DECIMAL": "NUMERIC", "BIGDECIMAL": "BIGNUMERIC", "GEOGRAPHY": "GEOGRAPHY", "STRUCT": "RECORD"}  # fmt: skip


class Definitions:
    """Plans of defining statements over one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def planned(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        """Raises HttpError for what is not supported."""
        kind = str(tree.args.get("kind") or "").upper()
        makers: dict[tuple[type, str], Callable[[Tree, Context, Resolution], Definition]] = {
            (exp.Create, "TABLE"): self._create_table,
            (exp.Create, "VIEW"): self._create_view,
            (exp.Create, "SCHEMA"): self._create_schema,
            (exp.Drop, "TABLE"): self._drop_table,
            (exp.Drop, "VIEW"): self._drop_table,
            (exp.Drop, "SCHEMA"): self._drop_schema,
            (exp.Alter, "TABLE"): self._alter_table,
        }
        if (type(tree), kind) not in makers:
            raise invalid_query(f"localcloud does not support {type(tree).__name__.upper()} {kind}")
        return makers[type(tree), kind](tree, context, resolution)

    def _create_table(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        listed = tree.this if isinstance(tree.this, exp.Schema) else None
        name = _named(listed.this if listed is not None else tree.this, context)
        resource = _table_settings(tree)
        columns = [_column(each) for each in listed.expressions] if listed is not None else None
        given = schema_from_resource({"fields": columns}) if columns is not None else None
        query = rendered(resolution.translated(tree.expression)) if tree.expression else None
        if tree.args.get("clone") or (given is None and query is None):
            raise invalid_query("localcloud does not support CREATE TABLE without columns or a query")

        def run(transaction: Transaction) -> Outcome:
            existing = self._catalog.find(name)
            if existing is not None and tree.args.get("exists"):
                return Outcome("SKIP", name)
            result = selected(transaction.connection, query) if query else None  # perhaps of the table to be replaced
            schema = given if given is not None else result.schema if result is not None else ()
            anew = bool(tree.args.get("replace"))
            table = self._catalog.create_table(transaction, name, resource, schema, anew)
            if result is not None:
                transaction.insert(table.storage, _under_names(result.rows, schema))
            return Outcome("REPLACE" if existing is not None else "CREATE", name)

        return Definition("CREATE_TABLE_AS_SELECT" if query else "CREATE_TABLE", run, resolution)

    def _create_view(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        if isinstance(tree.this, exp.Schema):
            raise invalid_query("localcloud does not support column lists of views: name the columns in the query")
        name = _named(tree.this, context)
        query = rendered(resolution.translated(tree.expression))
        view = {"query": query_text(_qualified(tree.expression, context)), "useLegacySql": False}
        resource = {**_options(tree), "view": view}

        def run(transaction: Transaction) -> Outcome:
            existing = self._catalog.find(name)
            if existing is not None and tree.args.get("exists"):
                return Outcome("SKIP", name)
            schema = described(transaction.connection, query)
            self._catalog.create_table(transaction, name, resource, schema, bool(tree.args.get("replace")))
            return Outcome("REPLACE" if existing is not None else "CREATE", name)

        return Definition("CREATE_VIEW", run, resolution)

    def _create_schema(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        name = context.dataset(tree.this)
        dataset_name(name.project, name.dataset)
        resource = _options(tree)

        def run(transaction: Transaction) -> Outcome:
            if tree.args.get("exists") and name in {each.name for each in self._catalog.datasets(name.project)}:
                return Outcome("SKIP", name)
            self._catalog.create_dataset(transaction, name, resource)
            return Outcome("CREATE", name)

        return Definition("CREATE_SCHEMA", run, resolution)

    def _drop_table(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        is_view = tree.args["kind"] == "VIEW"
        name = context.name(tree.args["tables"][0])

        def run(transaction: Transaction) -> Outcome:
            existing = self._catalog.find(name)
            if existing is None and tree.args.get("exists"):
                return Outcome("SKIP", name)
            if (self._catalog.table(name).view_query is not None) != is_view:
                raise invalid_query(f"{name} is not a {'view' if is_view else 'table'}")
            self._catalog.delete_table(transaction, name)
            return Outcome("DROP", name)

        return Definition("DROP_VIEW" if is_view else "DROP_TABLE", run, resolution)

    def _drop_schema(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        name = context.dataset(tree.args["tables"][0])

        def run(transaction: Transaction) -> Outcome:
            if tree.args.get("exists") and name not in {each.name for each in self._catalog.datasets(name.project)}:
                return Outcome("SKIP", name)
            self._catalog.delete_dataset(transaction, name, bool(tree.args.get("cascade")))
            return Outcome("DROP", name)

        return Definition("DROP_SCHEMA", run, resolution)

    def _alter_table(self, tree: Tree, context: Context, resolution: Resolution) -> Definition:
        name = context.name(tree.this)
        added = [each for each in tree.args["actions"] if isinstance(each, exp.ColumnDef)]
        options: dict[str, Any] = {}
        for each in tree.args["actions"]:
            if isinstance(each, exp.AlterSet):
                options |= _option_values(each.expressions[0])
            elif not isinstance(each, exp.ColumnDef):
                raise invalid_query(f"localcloud does not support ALTER TABLE {each.sql('bigquery')}")

        def run(transaction: Transaction) -> Outcome:
            table = self._catalog.table(name)
            fields = [*table.resource(0)["schema"]["fields"], *_new_columns(added, table.schema)]
            self._catalog.update_table(transaction, name, {**options, "schema": {"fields": fields}}, whole=False)
            return Outcome("ALTER", name)

        return Definition("ALTER_TABLE", run, resolution)


def _named(node: Tree, context: Context) -> TableName:
    name = context.name(node)
    return table_name(name.project, name.dataset, name.table)


def _under_names(rows: pa.Table, schema: Schema) -> pa.Table:
    """The columns of a query under the names that the table gives them."""
    if rows.num_columns != len(schema):
        raise invalid_query(f"The query has {rows.num_columns} columns, the column list {len(schema)}")
    return rows.rename_columns([each.name for each in schema])


def _qualified(tree: Tree, context: Context) -> Tree:
    """The query with full table names: a view is read later, without a default dataset."""
    tree = tree.copy()
    names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for node in list(tree.find_all(exp.Table)):
        if node.db or node.name.lower() not in names:
            name = context.name(node)
            node.set("this", exp.to_identifier(name.table, quoted=True))
            node.set("db", exp.to_identifier(name.dataset, quoted=True))
            node.set("catalog", exp.to_identifier(name.project, quoted=True))
    return tree


def _new_columns(added: list[Tree], schema: Schema) -> list[dict[str, Any]]:
    present = {each.name.lower() for each in schema}
    columns = []
    for each in added:
        if each.name.lower() not in present:
            columns.append(_column(each))
        elif not each.args.get("exists"):
            raise invalid_query(f"Column already exists: {each.name}")
    return columns


def _column(node: Tree) -> dict[str, Any]:
    """The field resource of a column definition."""
    if not isinstance(node, exp.ColumnDef):
        raise invalid_query(f"localcloud does not support {node.sql('bigquery')} in CREATE TABLE")
    resource = {"name": node.name, **_type(node.args["kind"])}
    for constraint in node.args.get("constraints") or []:
        kind = constraint.args["kind"]
        if isinstance(kind, exp.NotNullColumnConstraint):
            resource["mode"] = "REQUIRED"
        elif isinstance(kind, exp.Properties):
            resource |= _option_values(kind)
        else:
            raise invalid_query(f"localcloud does not support {constraint.sql('bigquery')} on column {node.name}")
    return resource


def _type(kind: Tree) -> dict[str, Any]:
    name = kind.this.name
    if name == "ARRAY":
        return {**_type(kind.expressions[0]), "mode": "REPEATED"}
    if name not in _TYPES:
        raise invalid_query(f"localcloud does not support columns of type {kind.sql('bigquery')}")
    if name == "STRUCT":
        return {"type": "RECORD", "fields": [_column(each) for each in kind.expressions]}
    sizes = [each.name for each in kind.expressions]
    if name in ("TEXT", "BINARY") and sizes:
        return {"type": _TYPES[name], "maxLength": sizes[0]}
    return {"type": _TYPES[name], **dict(zip(("precision", "scale"), sizes, strict=False))}


def _table_settings(tree: Tree) -> dict[str, Any]:
    resource = _options(tree)
    for each in _properties(tree):
        if isinstance(each, exp.PartitionedByProperty):
            resource["timePartitioning"] = {**_partitioning(each.this), **resource.pop("partition", {})}
        elif isinstance(each, exp.ClusterProperty):
            resource["clustering"] = {"fields": [column.name for column in each.expressions]}
    if "partition" in resource:
        raise invalid_query("partition_expiration_days needs PARTITION BY")
    return resource


def _properties(tree: Tree) -> list[Tree]:
    properties = tree.args.get("properties")
    return list(properties.expressions) if properties is not None else []


def _partitioning(by: Tree) -> dict[str, Any]:
    """PARTITION BY date, DATE(ts), TIMESTAMP_TRUNC(ts, HOUR) or DATE_TRUNC(d, MONTH)."""
    if isinstance(by, exp.Identifier | exp.Column):
        return {"type": "DAY", "field": by.name}
    if isinstance(by, exp.Anonymous) and isinstance(by.expressions[0], exp.Column):
        function, column, unit = by.name.upper(), by.expressions[0].name, list(by.expressions[1:])
        if function == "DATE" and not unit:
            return {"type": "DAY", "field": column}
        if function in ("TIMESTAMP_TRUNC", "DATETIME_TRUNC", "DATE_TRUNC") and len(unit) == 1:
            return {"type": part(unit[0]), "field": column}
    raise invalid_query(f"localcloud does not support PARTITION BY {by.sql('bigquery')}")


def _options(tree: Tree) -> dict[str, Any]:
    resource: dict[str, Any] = {}
    for each in _properties(tree):
        if type(each) is exp.Property:
            resource |= _option(each)
        elif isinstance(each, exp.LocationProperty):
            resource["location"] = each.this.name
        elif not isinstance(each, exp.PartitionedByProperty | exp.ClusterProperty):
            raise invalid_query(f"localcloud does not support {each.sql('bigquery')}")
    return resource


def _option_values(properties: Tree) -> dict[str, Any]:
    return {key: value for each in properties.expressions for key, value in _option(each).items()}


def _option(each: Tree) -> dict[str, Any]:
    name, value = each.name.lower(), each.args["value"]
    texts = {"description": "description", "friendly_name": "friendlyName", "location": "location"}
    if name in texts:
        return {texts[name]: value.name}
    if name == "labels":
        return {"labels": {pair.expressions[0].name: pair.expressions[1].name for pair in value.expressions}}
    if name == "require_partition_filter":
        return {"requirePartitionFilter": bool(value.this)}
    if name == "partition_expiration_days":
        return {"partition": {"expirationMs": str(int(float(value.name) * _DAY_MS))}}
    if name == "default_table_expiration_days":
        return {"defaultTableExpirationMs": str(int(float(value.name) * _DAY_MS))}
    if name == "expiration_timestamp" and isinstance(value, exp.Cast):
        return {"expirationTime": str(timestamp_micros(value.this.name) // 1000)}
    raise invalid_query(f"localcloud does not support the option {name}")
