"""What the warehouse job is told: the table, and where each column comes from."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from beam_jobs.config import JobConfig
from director.fields import Pointer
from director.strict import Strict

ColumnType = Literal["STRING", "INT64", "FLOAT64", "BOOL", "TIMESTAMP", "BYTES", "JSON"]
EnvelopePart = Literal["attributes", "payload", "publish_time", "message_id", "now"]


def _table(text: str) -> str:
    if len(text.split(".")) != 3 or not all(text.split(".")):
        raise ValueError(f"{text!r} is not of the form PROJECT.DATASET.TABLE")
    return text


class Column(Strict):
    """A column and its one origin: an attribute, a place in the JSON payload, a part of the envelope, or a constant.

    `envelope: now` is the time of writing; `attributes` and `payload` are the whole of them (payload as JSON where it
    is JSON, else as base64 text in JSON).
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,299}$")]
    type: ColumnType
    mode: Literal["NULLABLE", "REQUIRED"] = "NULLABLE"
    attribute: str | None = None
    pointer: Pointer | None = None
    envelope: EnvelopePart | None = None
    literal: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [self.attribute, self.pointer, self.envelope, self.literal]
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("give one of attribute, pointer, envelope, literal")
        return self


class WarehouseConfig(JobConfig):
    """Writes each message as a row of a BigQuery table."""

    table: Annotated[str, AfterValidator(_table), Field(description="PROJECT.DATASET.TABLE")]
    columns: Annotated[tuple[Column, ...], Field(description="columns and where they come from")]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if not self.columns:
            raise ValueError("columns: at least one")
        names = [column.name.lower() for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns: {', '.join(twice)} more than once")
        return self
