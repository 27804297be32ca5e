"""Where dead letters and the decisions about them lie: by the architecture, or by name. Light."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from director.documents.model import Architecture, Dataflow
from director.documents.specs.bigquery import Table
from director.documents.specs.pubsub import Topic
from director.errors import Misconfigured, Unknown

DECISIONS = "dead_letter_decisions"
DEAD_LETTER_TOPIC = "dead_letter_topic"  # the configuration key by which every stage is told of it
_TABLE = re.compile(
    r"(?P<project>(?:[a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9])\.(?P<dataset>[A-Za-z0-9_]{1,1024})"
    r"\.(?P<table>[A-Za-z0-9_-]{1,1024})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tables:
    """Both as PROJECT.DATASET.TABLE. Raises Misconfigured for anything else: the names become part of queries."""

    letters: str
    decisions: str

    def __post_init__(self) -> None:
        for name in (self.letters, self.decisions):
            if not _TABLE.fullmatch(name):
                raise Misconfigured(f"{name[:200]!r} is no table; write PROJECT.DATASET.TABLE")

    @property
    def project(self) -> str:
        return self.letters.split(".")[0]


def named(letters: str, decisions: str | None) -> Tables:
    """`decisions` lies beside the letters unless it is named. Raises Misconfigured."""
    return Tables(letters, decisions or f"{letters.rpartition('.')[0]}.{DECISIONS}")


def declared(architecture: Architecture, dataflow: str | None = None) -> Tables:
    """The tables of a dataflow, which need not be named where only one has any. Raises Unknown, Misconfigured."""
    if dataflow is not None and dataflow not in architecture.dataflows:
        raise Unknown(f"no dataflow '{dataflow}' here; there are {', '.join(architecture.dataflows)}")
    chosen = [dataflow] if dataflow is not None else list(architecture.dataflows)
    found = {name: table for name in chosen for table in _letters(architecture.dataflows[name])}
    if len(found) > 1:
        raise Misconfigured(f"dead letters lie in several dataflows; choose one with --dataflow: {', '.join(found)}")
    for name, table in found.items():
        place = f"{architecture.project_id}.{table.dataset}"
        return Tables(f"{place}.{table.name}", f"{place}.{_decisions(architecture.dataflows[name], name, table)}")
    advice = "add a subscription to the dead-letter topic with a `bigquery` export, or use --table"
    raise Misconfigured(f"no dead letters are written to BigQuery in {', '.join(chosen)}; {advice}")


def _letters(dataflow: Dataflow) -> Iterator[Table]:
    """The table that the first subscription to the dead-letter topic which has one writes to."""
    resources = dataflow.resources
    dead = {topic.name for topic in resources.topics if _takes_dead_letters(topic)}
    for subscription in resources.subscriptions:
        if subscription.topic in dead and subscription.bigquery is not None:
            name = subscription.bigquery.table
            yield from (
                table for table in resources.bigquery_tables if name in (table.name, f"{table.dataset}.{table.name}")
            )
            return


def _takes_dead_letters(topic: Topic) -> bool:
    return any((link.lookup.key or "").rpartition(".")[2] == DEAD_LETTER_TOPIC for link in topic.links)


def _decisions(dataflow: Dataflow, name: str, letters: Table) -> str:
    for table in dataflow.resources.bigquery_tables:
        if (table.dataset, table.name) == (letters.dataset, DECISIONS):
            return table.name
    raise Misconfigured(f"dataflow '{name}' has no table '{DECISIONS}' in dataset '{letters.dataset}'; add it")
