"""Names in a query to what DuckDB finds there: a table's storage, or a view's own query in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from localcloud.bigquery import partitioning
from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.dialect import statement
from localcloud.bigquery.entities import Table
from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.functions import Tree
from localcloud.bigquery.names import DatasetName, TableName
from localcloud.bigquery.sql import Translation

DEEPEST_VIEW = 16


@dataclass(frozen=True, slots=True)
class Context:
    """In what surroundings a query runs; `now` is a timestamp literal."""

    project: str
    default_dataset: DatasetName | None
    now: str
    parameters: Mapping[str, Tree] = field(default_factory=dict)

    def name(self, node: Tree) -> TableName:
        """The full name of a table in the query. Raises HttpError when it needs a dataset."""
        if not isinstance(node.this, exp.Identifier):
            raise invalid_query(f"Invalid table name: {node.sql('bigquery')}")
        if not node.db and self.default_dataset is None:
            raise invalid_query(f'Table "{node.name}" must be qualified with a dataset (e.g. dataset.table).')
        if not node.db and self.default_dataset is not None:
            return TableName(self.default_dataset.project, self.default_dataset.dataset, node.name)
        return TableName(node.catalog or self.project, node.db, node.name)

    def dataset(self, node: Tree) -> DatasetName:
        """The full name of the dataset in CREATE SCHEMA and its kin."""
        project, _, dataset = str(node.db).rpartition(".")
        return DatasetName(node.catalog or project or self.project, dataset)


class Resolution:
    """Translates within a context, and remembers which tables were read."""

    def __init__(self, catalog: Catalog, context: Context) -> None:
        self._catalog = catalog
        self._context = context
        self.tables: dict[str, Table] = {}  # by storage
        self.referenced: list[TableName] = []
        self._conditions: set[str] = set()  # columns that conditions name, in lower case

    def translated(self, tree: Tree) -> Tree:
        context = self._context
        self._note_conditions(tree)
        made = Translation(lambda node: self._source(node, context, 0), context.parameters, context.now).of(tree)
        for table in self.tables.values():
            self._check_filter(table)
        return made

    def _note_conditions(self, tree: Tree) -> None:
        for condition in tree.find_all(exp.Where, exp.Join, exp.Merge):
            self._conditions.update(column.name.lower() for column in condition.find_all(exp.Column))

    def _check_filter(self, table: Table) -> None:
        column = partitioning.column(table.settings)
        if column and partitioning.needs_filter(table.settings) and column.lower() not in self._conditions:
            raise invalid_query(
                f"Cannot query over table '{table.name}' without a filter over column(s) '{column}' "
                "that can be used for partition elimination"
            )

    def _source(self, node: Tree, context: Context, depth: int) -> Tree:
        name = context.name(node)
        if name.table.upper().startswith("INFORMATION_SCHEMA"):
            raise invalid_query("localcloud does not support INFORMATION_SCHEMA: use the REST API")
        if "*" in name.table:
            raise invalid_query(f"localcloud does not support wildcard tables: {name}")
        table = self._catalog.table(name)
        if name not in self.referenced:
            self.referenced.append(name)
        if table.view_query is not None:
            return self._view(table, table.view_query, context, depth)
        if not table.schema:
            raise invalid_query(f"Table {name} does not have a schema.")
        self.tables[table.storage] = table
        return exp.Table(this=exp.to_identifier(table.storage, quoted=True))

    def _view(self, view: Table, query: str, context: Context, depth: int) -> Tree:
        if depth == DEEPEST_VIEW:
            raise invalid_query(f"Views are nested more than {DEEPEST_VIEW} levels deep: {view.name}")
        inside = Context(view.name.project, None, context.now)
        tree = statement(query)
        self._note_conditions(tree)
        translation = Translation(lambda node: self._source(node, inside, depth + 1), {}, context.now)
        return exp.Subquery(this=translation.of(tree))
