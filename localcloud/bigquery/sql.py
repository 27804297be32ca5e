"""GoogleSQL trees to DuckDB trees: every node is known and meant, or the query is refused by name.

Names of tables are resolved by whoever asks (`Resolve`), parameters arrive as DuckDB expressions, and the clock's time
takes the place of CURRENT_TIMESTAMP.
"""

from collections.abc import Callable, Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.expressions import RULES, called, unsupported_node
from localcloud.bigquery.functions import Tree, call
from localcloud.bigquery.times import current

Resolve = Callable[[Tree], Tree]  # a table's tree to what stands for it in DuckDB, without alias

_CURRENT = {
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentDatetime: "CURRENT_DATETIME",
    exp.CurrentTime: "CURRENT_TIME",
}
_PLAIN = frozenset(  # the same in both languages
    (
        exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered,
        exp.Limit, exp.Offset, exp.Distinct, exp.Subquery, exp.CTE, exp.With, exp.TableAlias, exp.Identifier,
        exp.Column, exp.Star, exp.Alias, exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT,
        exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.Between, exp.Exists, exp.Case, exp.If, exp.Null,
        exp.Boolean, exp.Add, exp.Mul, exp.Neg, exp.DPipe, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseNot,
        exp.BitwiseLeftShift, exp.BitwiseRightShift, exp.Union, exp.Intersect, exp.Except, exp.Window, exp.WindowSpec,
        exp.Tuple, exp.Values, exp.Var, exp.DataType, exp.DataTypeParam, exp.ColumnDef, exp.Dot, exp.Rollup, exp.Cube,
        exp.GroupingSets, exp.PropertyEQ, exp.IgnoreNulls, exp.HavingMax, exp.Schema,
        exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.When, exp.Whens,
    )
)  # fmt: skip
_TABLE_EXTRAS = ("version", "pivots", "sample", "when", "joins", "hints", "ordinality", "partition", "changes")


def rendered(tree: Tree) -> str:
    """DuckDB's text of a translated tree."""
    try:
        return str(tree.sql(dialect="duckdb", identify=True, unsupported_level=ErrorLevel.RAISE))
    except UnsupportedError as error:
        raise invalid_query(f"localcloud cannot express this query: {error}") from error


class Translation:
    """One statement on its way."""

    def __init__(self, resolve: Resolve, parameters: Mapping[str, Tree], now: str) -> None:
        self._resolve = resolve
        self._parameters = parameters
        self._now = now
        self._with: list[str] = []  # names of WITH, which hide tables
        self._unnested = 0
        self._rules = {exp.Table: self._table, exp.Unnest: self._unnest, exp.Parameter: self._parameter}

    def of(self, tree: Tree) -> Tree:
        """The DuckDB tree. Raises HttpError for whatever has no exact equal."""
        try:
            return self._translated(tree.copy())
        except RecursionError as error:
            raise invalid_query("The query is nested too deeply") from error

    def _translated(self, node: Tree) -> Tree:
        if isinstance(node, exp.Select):
            _name_columns(node)
            _refuse_unclear_stars(node)
        outer = len(self._with)
        if isinstance(node, exp.Query) and node.args.get("with_"):
            self._with += [cte.alias.lower() for cte in node.args["with_"].expressions]
        for key, value in list(node.args.items()):
            if isinstance(value, exp.Expression):
                node.set(key, self._translated(value))
            elif isinstance(value, list):
                node.set(key, [self._translated(v) if isinstance(v, exp.Expression) else v for v in value])
        del self._with[outer:]
        return self._rewritten(node)

    def _rewritten(self, node: Tree) -> Tree:
        kind = type(node)
        if rule := RULES.get(kind) or self._rules.get(kind):
            return rule(node)
        if kind is exp.Anonymous:
            return self._function(node)
        if kind in _CURRENT:
            return current(_CURRENT[kind], self._now)
        if kind not in _PLAIN:
            raise unsupported_node(node)
        return _valued(node) if kind is exp.Select else node

    def _table(self, node: Tree) -> Tree:
        for key in _TABLE_EXTRAS:
            if node.args.get(key):
                raise invalid_query(f"localcloud does not support {key} on a table: {node.sql('bigquery')}")
        if not node.args.get("db") and node.name.lower() in self._with:
            return node
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name))
        source = self._resolve(node)
        source.set("alias", alias)
        return source

    def _unnest(self, node: Tree) -> Tree:
        """A subquery of one row per element; `WITH OFFSET` counts from 0."""
        if isinstance(node.parent, exp.In):
            return node
        array, alias, offset = node.expressions[0], node.args.get("alias"), node.args.get("offset")
        names = alias.args.get("columns") if alias is not None else None
        columns = [exp.alias_(call("unnest", array), names[0].name if names else "f0_", quoted=True)]
        if offset:
            count = call("unnest", call("range", call("len", array.copy())))
            columns.append(exp.alias_(count, offset.name, quoted=True))
        self._unnested += 1
        name = exp.TableAlias(this=exp.to_identifier(f"unnest {self._unnested}", quoted=True))
        return exp.Subquery(this=exp.Select(expressions=columns), alias=name)

    def _parameter(self, node: Tree) -> Tree:
        name = node.this.name if isinstance(node.this, exp.Expression) else str(node.this)
        if isinstance(node.this, exp.Parameter) or name.lower() not in self._parameters:
            raise invalid_query(f"Query parameter '{name}' not found")
        return self._parameters[name.lower()].copy()

    def _function(self, node: Tree) -> Tree:
        name = node.name.upper()
        if name in _CURRENT.values():
            return current(name, self._now, *node.expressions[:1])
        if name == "WEEK" and isinstance(node.parent, exp.Anonymous | exp.Extract):
            return node  # the date part WEEK(MONDAY)
        return called(name, list(node.expressions))


def _valued(select: Tree) -> Tree:
    """SELECT AS STRUCT of a subquery gives one column; AS VALUE has one anyway."""
    if select.args.get("kind") == "STRUCT" and select.parent is not None:
        members = [_member(each) for each in select.expressions]
        select.set("expressions", [exp.alias_(exp.Struct(expressions=members), "f0_", quoted=True)])
    select.set("kind", None)
    return select


def _member(each: Tree) -> Tree:
    if not isinstance(each, exp.Alias):
        raise invalid_query("localcloud does not support SELECT AS STRUCT *: name the columns")
    return exp.PropertyEQ(this=exp.to_identifier(each.alias, quoted=True), expression=each.this)


def _name_columns(select: Tree) -> None:
    """Gives result columns the names BigQuery gives: the column's own, or `f0_`, `f1_`, ..."""
    named: list[Tree] = []
    nameless = 0
    for each in select.expressions:
        if isinstance(each, exp.Alias) or each.is_star or (isinstance(each, exp.Column) and not each.table):
            named.append(each)
        elif isinstance(each, exp.Column | exp.Dot):
            named.append(exp.alias_(each, each.name or each.output_name, quoted=True))
        else:
            named.append(exp.alias_(each, f"f{nameless}_", quoted=True))
            nameless += 1
    select.set("expressions", named)


def _refuse_unclear_stars(select: Tree) -> None:
    """`*` expands the members of an unnested STRUCT in BigQuery, which only its type would tell."""
    if not any(each.is_star for each in select.expressions):
        return
    for source in (select.args.get("from_"), *(select.args.get("joins") or [])):
        if source is not None and isinstance(source.this, exp.Unnest) and not _scalars(source.this.expressions[0]):
            raise invalid_query("localcloud does not support * over UNNEST of unknown elements: name the columns")


def _scalars(array: Tree) -> bool:
    if isinstance(array, exp.Array):
        return all(isinstance(each, exp.Literal | exp.Cast | exp.Boolean) for each in array.expressions)
    return isinstance(array, exp.Anonymous) and array.name.upper().startswith(("GENERATE_", "SPLIT"))
