"""The columns of the example deployment: those of the warehouse, from attributes, payload and envelope."""

import json
from pathlib import Path

from beam_jobs.warehouse.config import Column, WarehouseConfig
from director.documents.loading import load

ARCHITECTURE = Path(__file__).parents[2] / "examples" / "environment" / "architecture.yaml"
TABLE = "race-project.telemetry.environment"


def config() -> WarehouseConfig:
    facts = {
        "subscription": "projects/p/subscriptions/enriched",
        "dead_letter_topic": "projects/p/topics/dead-letters",
        "table": TABLE,
        "columns": load(ARCHITECTURE).configurations["environment", "warehouse"].config["columns"],
    }
    return WarehouseConfig.model_validate_json(json.dumps(facts))


COLUMNS: tuple[Column, ...] = config().columns
