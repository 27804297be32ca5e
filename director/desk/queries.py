"""The desk's questions to BigQuery. What people type is a parameter, never part of the text.

A Pub/Sub subscription writes a message at least once, and two people may decide at once: the first copy of a letter
counts, and the last decision about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.cloud.bigquery import ArrayQueryParameter, QueryJobConfig, ScalarQueryParameter

from director.desk.selection import Selection
from director.desk.tables import Tables

_NAMED = {"stages": "stage", "reasons": "reason", "ce_ids": "ce_id", "message_ids": "message_id", "devices": "device"}

_LETTERS = """
WITH letters AS (
  SELECT
    message_id, publish_time, attributes,{data}
    JSON_VALUE(attributes, '$."dead_letter.stage"') AS stage,
    JSON_VALUE(attributes, '$."dead_letter.reason"') AS reason,
    JSON_VALUE(attributes, '$."ce-id"') AS ce_id,
    JSON_VALUE(attributes, '$."ce-subject"') AS device
  FROM `{letters}`
  WHERE {times}
  QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id ORDER BY publish_time) = 1
),
decisions AS (
  SELECT message_id, decision, decided_at, decided_by, target, note
  FROM `{decisions}`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id ORDER BY decided_at DESC) = 1
),
wanted AS (
  SELECT letters.*, decision, decided_at, decided_by, target, note
  FROM letters LEFT JOIN decisions ON letters.message_id = decisions.message_id
  WHERE {conditions}
)
"""
_LIST = "SELECT * FROM wanted ORDER BY publish_time, message_id"
_SUMMARY = """
SELECT
  IFNULL(stage, '') AS stage, IFNULL(reason, '') AS reason,
  COUNT(*) AS letters, MIN(publish_time) AS oldest, MAX(publish_time) AS newest
FROM wanted GROUP BY 1, 2 ORDER BY letters DESC, stage, reason
"""


@dataclass(frozen=True, slots=True)
class Query:
    """A text and its parameters."""

    text: str
    parameters: tuple[Any, ...]

    @property
    def config(self) -> QueryJobConfig:
        return QueryJobConfig(query_parameters=list(self.parameters))


def letters(tables: Tables, wanted: Selection, with_data: bool) -> Query:
    """Oldest first. Payloads cost to read: lists do without."""
    limit = "" if wanted.limit is None else f" LIMIT {wanted.limit:d}"
    return Query(_wanted(tables, wanted, " data," if with_data else "") + _LIST + limit, _parameters(wanted))


def summary(tables: Tables, wanted: Selection) -> Query:
    """How many of each stage and reason; the limit does not apply."""
    return Query(_wanted(tables, wanted, "") + _SUMMARY, _parameters(wanted))


def _wanted(tables: Tables, wanted: Selection, data: str) -> str:
    times = ["publish_time >= @since"] * bool(wanted.since) + ["publish_time < @until"] * bool(wanted.until)
    conditions = [f"{column} IN UNNEST(@{name})" for name, column in _given(wanted)]
    if not wanted.decided:
        conditions.append("decision IS NULL")
    return _LETTERS.format(
        data=data,
        letters=tables.letters,
        decisions=tables.decisions,
        times=" AND ".join(times) or "TRUE",
        conditions=" AND ".join(conditions) or "TRUE",
    )


def _given(wanted: Selection) -> Iterator[tuple[str, str]]:
    for name, column in _NAMED.items():
        if getattr(wanted, name):
            yield name, f"letters.{column}"


def _parameters(wanted: Selection) -> tuple[Any, ...]:
    moments = {"since": wanted.since, "until": wanted.until}
    return (
        *(ScalarQueryParameter(name, "TIMESTAMP", moment) for name, moment in moments.items() if moment),
        *(ArrayQueryParameter(name, "STRING", list(getattr(wanted, name))) for name, _ in _given(wanted)),
    )
