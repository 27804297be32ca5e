"""GoogleSQL text to a syntax tree that keeps function calls as they were written.

sqlglot's own reading of BigQuery replaces functions by what it takes for their equals in other databases. Here a call
stays a name with arguments, and functions.py says what it means.
"""

import logging
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.bigquery import BigQueryParser

from localcloud.bigquery.errors import invalid_query

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of syntax that is refused below anyway


class _Plain(BigQuery):  # type: ignore[misc]
    class Parser(BigQueryParser):  # type: ignore[misc]
        FUNCTIONS: ClassVar[dict[str, Any]] = {"STRUCT": exp.Struct.from_arg_list}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: BigQueryParser.FUNCTION_PARSERS[name] for name in ("ARRAY", "CAST", "SAFE_CAST", "EXTRACT")
        }


def statement(sql: str) -> Any:
    """The one statement of `sql`. Raises HttpError for bad syntax and for scripts."""
    try:
        parsed = _Plain().parse(_named_placeholders(sql))
    except (ParseError, TokenError) as error:
        raise invalid_query(f"Syntax error: {_plain_text(error)}") from error
    except RecursionError as error:
        raise invalid_query("The query is nested too deeply") from error
    trees = [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(trees) != 1:
        raise invalid_query(
            "localcloud does not run scripts of several statements"
            if trees
            else "Syntax error: Unexpected end of script"
        )
    return trees[0]


def query_text(tree: Any) -> str:
    """A tree back as GoogleSQL."""
    return str(tree.sql(dialect=_Plain))


def positional(index: int) -> str:
    """The name that the positional parameter `index`, from 0, is given."""
    return f"positional {index}"


def _named_placeholders(sql: str) -> str:
    """Names `?` by its place in the text, which a tree no longer tells."""
    text, end, index = [], 0, 0
    for token in _Plain().tokenize(sql):
        if token.text == "?" and sql[token.start] == "?":
            text += [sql[end : token.start], f"@`{positional(index)}`"]
            end, index = token.end + 1, index + 1
    return "".join(text) + sql[end:]


def _plain_text(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return str(error).splitlines()[0]
    first = details[0]
    return f"{first['description']} at [{first['line']}:{first['col']}] near {first['highlight']!r}"
