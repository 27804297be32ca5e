"""A document of the register as the block of attributes that messages get.

A name in `fields` is that of a field of the document, dots and all; where there is none, one with dots is a path into
mappings: `location.hall`.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from beam_jobs.enrichment.cache.layers import FOUND
from beam_jobs.enrichment.cache.statistics import Statistics
from bridge import envelope

PREFIX = "device."
TRUNCATED = "enrichment.truncated"


class Records:
    """Encodes documents; `fields` maps their fields to names under `device.`."""

    def __init__(self, fields: Mapping[str, str], statistics: Statistics) -> None:
        self.fields = dict(fields)
        self._statistics = statistics

    def block(self, document: Mapping[str, Any]) -> bytes:
        """Fields that are missing or null are left out; values too long are cut, and TRUNCATED says how many."""
        texts = {PREFIX + name: _text(_value(document, field)) for field, name in self.fields.items()}
        facts = {name: text for name, text in texts.items() if text is not None}
        fitting = {name: envelope.truncated(text) for name, text in facts.items()}
        cut = sum(fitting[name] != text for name, text in facts.items())
        self._statistics.count("record", "truncated", cut)
        return envelope.attributes(fitting | ({TRUNCATED: str(cut)} if cut else {})) + FOUND


def _value(document: Mapping[str, Any], field: str) -> Any:
    if field in document:
        return document[field]
    value: Any = document
    for part in field.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool | dict | list):  # as JSON writes them
        return json.dumps(value, default=str, separators=(",", ":"), ensure_ascii=False)
    return str(value)
