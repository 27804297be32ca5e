"""A dataclass or pydantic model makes columns: annotations are types, nested models are flattened."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from beam_jobs.warehouse.models import from_model, load
from director.strict import DocumentError


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Position:
    lat: float
    lon: float | None = None


@dataclass
class Reading:
    name: str
    count: int
    ok: bool
    at: datetime
    day: date
    hour: time
    raw: bytes
    price: Decimal
    where: Position
    level: Level
    kind: Literal["a", "b"]
    temps: list[float]
    tags: tuple[str, ...]
    parts: Sequence[Position]
    either: int | str
    other: dict[str, int]
    there: Position | None = None
    optional: int | None = None
    defaulted: int = 3
    made: list[int] = field(default_factory=list)


def test_a_dataclass_makes_columns_by_its_annotations() -> None:
    columns = {one.name: (one.type, one.mode) for one in from_model(Reading, envelope=False)}
    assert columns == {
        "name": ("STRING", "REQUIRED"),
        "count": ("INT64", "REQUIRED"),
        "ok": ("BOOL", "REQUIRED"),
        "at": ("TIMESTAMP", "REQUIRED"),
        "day": ("DATE", "REQUIRED"),
        "hour": ("TIME", "REQUIRED"),
        "raw": ("BYTES", "REQUIRED"),
        "price": ("NUMERIC", "REQUIRED"),
        "where_lat": ("FLOAT64", "REQUIRED"),
        "where_lon": ("FLOAT64", "NULLABLE"),
        "level": ("INT64", "REQUIRED"),
        "kind": ("STRING", "REQUIRED"),
        "temps": ("FLOAT64", "REPEATED"),
        "tags": ("STRING", "REPEATED"),
        "parts": ("JSON", "REQUIRED"),
        "either": ("JSON", "NULLABLE"),
        "other": ("JSON", "REQUIRED"),
        "there_lat": ("FLOAT64", "NULLABLE"),
        "there_lon": ("FLOAT64", "NULLABLE"),
        "optional": ("INT64", "NULLABLE"),
        "defaulted": ("INT64", "NULLABLE"),
        "made": ("INT64", "REPEATED"),
    }


class Uplink(BaseModel):
    dev_eui: Annotated[str, Field(alias="devEui")]
    f_cnt: int = Field(validation_alias="fCnt")
    rssi: Annotated[int | None, Field(description="dBm")] = None
    anything: Any = None


def test_a_pydantic_model_is_read_by_the_names_it_has_in_json() -> None:
    columns = [(one.name, one.type, one.mode, one.origin[1]) for one in from_model(Uplink, envelope=False)]
    assert columns == [
        ("devEui", "STRING", "REQUIRED", "/devEui"),
        ("fCnt", "INT64", "REQUIRED", "/fCnt"),
        ("rssi", "INT64", "NULLABLE", "/rssi"),
        ("anything", "JSON", "NULLABLE", "/anything"),
    ]


class Node(BaseModel):
    child: "Node | None" = None


def test_a_model_that_holds_itself_is_refused() -> None:
    with pytest.raises(DocumentError, match="child holds the model again"):
        from_model(Node)


def test_a_class_is_loaded_by_name() -> None:
    assert load("director.documents.specs.bigquery:Table").__name__ == "Table"


@pytest.mark.parametrize(
    "name", ["director.documents.model", "director.documents.model:Nobody", "no.such.module:X", "json:dumps", ":", ""]
)
def test_what_is_no_model_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(DocumentError, match=r"write module:Class|neither a dataclass nor a pydantic model"):
        load(name)
