"""What the warehouse job is told: the table, where each column comes from, and what to do without a value."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, Field, field_validator, model_validator

from beam_jobs.config import JobConfig
from beam_jobs.warehouse import expressions
from beam_jobs.warehouse.values import CONVERSIONS, ColumnType, elements
from director.fields import Pointer
from director.strict import Strict

EnvelopePart = Literal["attributes", "payload", "publish_time", "message_id", "ordering_key", "now"]
Scalar = str | bool | int | float
_TIMES = ("TIMESTAMP", "DATE", "DATETIME", "STRING", "JSON")
_PART_TYPES = {
    "attributes": ("JSON", "STRING"),
    "publish_time": _TIMES,
    "now": _TIMES,
    "message_id": ("STRING",),
    "ordering_key": ("STRING",),
}
ORIGINS = ("attribute", "pointer", "envelope", "expression", "literal")


def table_name(text: str) -> str:
    if len(text.split(".")) != 3 or not all(text.split(".")):
        raise ValueError(f"{text!r} is not of the form PROJECT.DATASET.TABLE")
    return text


class Origin(Strict):
    """One place a value comes from: an attribute, a place in the JSON payload, a part of the envelope, an expression
    in CEL, or a constant."""

    attribute: str | None = None
    pointer: Pointer | None = None
    envelope: EnvelopePart | None = None
    expression: Annotated[str, AfterValidator(expressions.checked)] | None = None
    literal: Scalar | None = None

    @property
    def given(self) -> list[str]:
        return [name for name in ORIGINS if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _one_at_most(self) -> Self:
        if len(self.given) > 1:
            raise ValueError(f"has {' and '.join(self.given)}; give one of {', '.join(ORIGINS)}")
        return self


class Column(Origin):
    """A column, and where its value comes from: its one origin, or the first of several that has a value.

    `envelope: now` is the time of writing; `attributes` and `payload` are the whole of them.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,299}$")]
    type: ColumnType
    mode: Literal["NULLABLE", "REQUIRED", "REPEATED"] = "NULLABLE"
    first_of: tuple[Origin, ...] = ()
    on_missing: Literal["null", "dead_letter", "default"] | None = None
    default: Any = None
    on_invalid: Literal["dead_letter", "null"] = "dead_letter"

    @field_validator("on_invalid", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: Any) -> Any:
        return "null" if value is None else value  # YAML reads an unquoted null as nothing

    @property
    def origins(self) -> tuple[Origin, ...]:
        return self.first_of or (self,)

    @property
    def without_value(self) -> Literal["null", "dead_letter", "default"]:
        """What happens where no origin has a value."""
        return self.on_missing or ("dead_letter" if self.mode == "REQUIRED" else "null")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.first_of) == bool(self.given):
            raise ValueError(f"give one of {', '.join(ORIGINS)}, or first_of with a list of them")
        if any(not origin.given for origin in self.first_of):
            raise ValueError(f"first_of: each entry takes one of {', '.join(ORIGINS)}")
        if self.mode == "REQUIRED" and "on_missing" in self.model_fields_set and self.without_value != "default":
            self._refuse_null("on_missing", self.on_missing)
        if self.mode == "REQUIRED":
            self._refuse_null("on_invalid", self.on_invalid)
        if (self.default is not None) != (self.on_missing == "default"):
            raise ValueError("default and on_missing: default go together; write both or neither")
        for origin in self.origins:
            types = _PART_TYPES.get(origin.envelope or "", (self.type,))
            if self.type not in types or (origin.envelope in _PART_TYPES and self.mode == "REPEATED"):
                raise ValueError(
                    f"envelope: {origin.envelope} is for a column of type {' or '.join(types)}, not repeated"
                )
        for what, value in self._constants():
            self._check_constant(what, value)
        return self

    def _refuse_null(self, what: str, value: str | None) -> None:
        if value in (None, "null"):
            raise ValueError(f"{what}: a REQUIRED column cannot be null; write dead_letter, or make it NULLABLE")

    def _constants(self) -> list[tuple[str, Any]]:
        literals = [("literal", origin.literal) for origin in self.origins if origin.literal is not None]
        return [*literals, ("default", self.default)] if self.default is not None else cast(Any, literals)

    def _check_constant(self, what: str, value: Any) -> None:
        try:
            self.constant(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what}: {value!r} is no {self.kind}: {error}") from error

    def constant(self, value: Any) -> Any:
        """A literal or default as the column holds it. Raises TypeError or ValueError."""
        convert = CONVERSIONS[self.type]
        return elements(value, convert) if self.mode == "REPEATED" else convert(value)

    @property
    def kind(self) -> str:
        return f"list of {self.type}" if self.mode == "REPEATED" else self.type


class WarehouseConfig(JobConfig):
    """Writes each message as a row of a BigQuery table."""

    table: Annotated[str, AfterValidator(table_name), Field(description="PROJECT.DATASET.TABLE")]
    columns: Annotated[tuple[Column, ...], Field(description="columns and where they come from")]
    method: Annotated[
        Literal["append_rows", "storage_write_api"],
        Field(description="append_rows (default), or Beam's own storage_write_api, which needs Java in the image"),
    ] = "append_rows"
    on_schema_change: Annotated[
        Literal["hold", "dead_letter"],
        Field(description="what becomes of rows that the table no longer takes: hold (default) or dead_letter"),
    ] = "hold"

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if not self.columns:
            raise ValueError("columns: at least one")
        names = [column.name.lower() for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns: {', '.join(twice)} more than once")
        return self
