"""Statements of GoogleSQL as plans: a query to read, a change to make, or a definition to carry out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.database import Transaction
from localcloud.bigquery.dialect import statement
from localcloud.bigquery.entities import Table
from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.functions import Tree
from localcloud.bigquery.names import DatasetName, TableName
from localcloud.bigquery.resolution import Context, Resolution
from localcloud.bigquery.results import described
from localcloud.bigquery.schema import Field, Schema
from localcloud.bigquery.sql import rendered


@dataclass(frozen=True, slots=True)
class Selection:
    """A query, in DuckDB's SQL."""

    sql: str
    resolution: Resolution

    @property
    def kind(self) -> str:
        return "SELECT"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows that a change touched."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, slots=True)
class Change:
    """An INSERT, UPDATE, DELETE, MERGE or TRUNCATE TABLE."""

    kind: str
    table: Table
    run: Callable[[Transaction], Counts]
    check: str  # DuckDB's SQL, to be explained by a dry run
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a definition did (CREATE, REPLACE, SKIP, DROP or ALTER), and to what."""

    operation: str
    target: TableName | DatasetName


@dataclass(frozen=True, slots=True)
class Definition:
    """A CREATE, ALTER or DROP."""

    kind: str
    run: Callable[[Transaction], Outcome]
    resolution: Resolution


Plan = Selection | Change | Definition
Define = Callable[[Tree, Context, Resolution], Definition]


def planned(catalog: Catalog, sql: str, context: Context, define: Define) -> Plan:
    """Raises HttpError for bad syntax, for what is not supported, and for tables that do not exist."""
    tree = statement(sql)
    resolution = Resolution(catalog, context)
    if isinstance(tree, exp.Query):
        return Selection(rendered(resolution.translated(tree)), resolution)
    if type(tree) in _CHANGES:
        kind, make = _CHANGES[type(tree)]
        target = _target(tree)
        table = catalog.table(context.name(target))
        if table.view_query or not table.schema:
            raise invalid_query(f"{kind} needs a table with a schema: {table.name}")
        resolution.tables[table.storage] = table
        return make(kind, table, tree, resolution)
    if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
        return define(tree, context, resolution)
    raise invalid_query(f"localcloud does not support this statement: {sql.strip().split(maxsplit=1)[0].upper()}")


def _target(tree: Tree) -> Tree:
    """The table that is changed."""
    if isinstance(tree, exp.Delete) and not tree.this:  # DELETE t WHERE ...
        tree.set("this", tree.args["tables"][0])
        tree.set("tables", None)
    if isinstance(tree, exp.TruncateTable):
        return tree.expressions[0]
    return tree.this.this if isinstance(tree.this, exp.Schema) else tree.this


def _counted(make: Callable[[int], Counts], sql: str) -> Callable[[Transaction], Counts]:
    return lambda transaction: make(transaction.execute(sql)[0][0])


def _insert(kind: str, table: Table, tree: Tree, resolution: Resolution) -> Change:
    names = [each.name for each in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    by_name = {each.name.lower(): each for each in table.schema}
    unknown = [name for name in names if name.lower() not in by_name]
    if unknown:
        raise invalid_query(f"Column {unknown[0]} is not present in table {table.name}")
    fields = [by_name[name.lower()] for name in names] or list(table.schema)
    source = rendered(resolution.translated(tree.expression))
    columns = ", ".join(exp.to_identifier(each.name, quoted=True).sql("duckdb") for each in fields)
    sql = f'INSERT INTO "{table.storage}" ({columns}) {source}'

    def run(transaction: Transaction) -> Counts:
        _check_records(fields, described(transaction.connection, source))
        return Counts(inserted=transaction.execute(sql)[0][0])

    return Change(kind, table, run, sql, resolution)


def _check_records(fields: list[Field], given: Schema) -> None:
    """DuckDB matches the members of a STRUCT by name and drops what is over; BigQuery wants the same number."""
    if len(fields) != len(given):
        raise invalid_query(f"Inserted row has wrong column count; Has {len(given)}, expected {len(fields)}")
    for each, other in zip(fields, given, strict=True):
        if each.type == other.type == "RECORD":
            if len(each.fields) != len(other.fields):
                raise invalid_query(
                    f"Column {each.name} has {len(each.fields)} fields, the value has {len(other.fields)}"
                )
            _check_records(list(each.fields), other.fields)


def _update(kind: str, table: Table, tree: Tree, resolution: Resolution) -> Change:
    _need_where(tree, "UPDATE")
    if tree.args.get("from_") is not None:
        return _merge_changes(kind, table, _as_merge(tree), resolution)
    sql = rendered(resolution.translated(tree))
    return Change(kind, table, _counted(lambda count: Counts(updated=count), sql), sql, resolution)


def _as_merge(tree: Tree) -> Tree:
    """UPDATE ... FROM as a MERGE, which fails when a row has several new values; UPDATE would take any of them."""
    source = tree.args["from_"].this
    if source.args.get("joins"):
        raise invalid_query("localcloud does not support UPDATE from several tables: use a subquery")
    when = exp.When(matched=True, source=False, then=exp.Update(expressions=tree.expressions))
    return exp.Merge(this=tree.this, using=source, on=tree.args["where"].this, whens=exp.Whens(expressions=[when]))


def _delete(kind: str, table: Table, tree: Tree, resolution: Resolution) -> Change:
    _need_where(tree, "DELETE")
    sql = rendered(resolution.translated(tree))
    return Change(kind, table, _counted(lambda count: Counts(deleted=count), sql), sql, resolution)


def _need_where(tree: Tree, kind: str) -> None:
    if not tree.args.get("where"):
        raise invalid_query(f"{kind} must have a WHERE clause")


def _truncate(kind: str, table: Table, tree: Tree, resolution: Resolution) -> Change:
    sql = f'DELETE FROM "{table.storage}"'  # noqa: S608 - the name is a number of ours
    return Change(kind, table, _counted(lambda count: Counts(deleted=count), sql), sql, resolution)


def _merge(kind: str, table: Table, tree: Tree, resolution: Resolution) -> Change:
    for when in tree.args["whens"].expressions:
        _spell_out_row(when.args["then"], table)
    return _merge_changes(kind, table, tree, resolution)


def _spell_out_row(action: Tree, table: Table) -> None:
    """INSERT ROW as columns and values of the same names."""
    if not isinstance(action, exp.Insert):
        return
    if isinstance(action.this, exp.Var) and action.this.name.upper() == "ROW":
        names = [exp.column(exp.to_identifier(each.name, quoted=True)) for each in table.schema]
        action.set("this", exp.Tuple(expressions=names))
        action.set("expression", exp.Tuple(expressions=[name.copy() for name in names]))
    elif not isinstance(action.this, exp.Tuple):
        raise invalid_query("localcloud needs the columns of INSERT in MERGE")


def _merge_changes(kind: str, table: Table, tree: Tree, resolution: Resolution) -> Change:
    sql = rendered(resolution.translated(tree))

    def run(transaction: Transaction) -> Counts:
        actions = Counter(row[0] for row in transaction.execute(f"{sql} RETURNING merge_action"))
        return Counts(actions["INSERT"], actions["UPDATE"], actions["DELETE"])

    return Change(kind, table, run, sql, resolution)


_CHANGES: dict[type, tuple[str, Callable[..., Change]]] = {
    exp.Insert: ("INSERT", _insert),
    exp.Update: ("UPDATE", _update),
    exp.Delete: ("DELETE", _delete),
    exp.Merge: ("MERGE", _merge),
    exp.TruncateTable: ("TRUNCATE_TABLE", _truncate),
}
