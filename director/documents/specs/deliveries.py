"""How Pub/Sub itself may bring a subscription's messages to where they belong. Pure description, as in `model`."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from director.strict import Duration, Strict, between


class BigQueryExport(Strict):
    """Messages become rows of `table`, named as in `bigquery_tables`, with its dataset where several have one."""

    table: str
    use_table_schema: bool = False
    write_metadata: bool = False
    drop_unknown_fields: bool = False

    @model_validator(mode="after")
    def _drops_what_it_reads(self) -> Self:
        if self.drop_unknown_fields and not self.use_table_schema:
            raise ValueError("drop_unknown_fields: payloads are not read as fields; add use_table_schema or remove it")
        return self


class StorageExport(Strict):
    """Messages become files in `bucket`, named as in `gcs_buckets`; a file is finished by its age or its bytes."""

    bucket: str
    prefix: Annotated[str, Field(max_length=512)] = ""
    suffix: Annotated[str, Field(max_length=128, pattern=r"^(.*[^/])?$")] = ""
    max_duration: Annotated[Duration, between("1m", "10m")] = timedelta(minutes=5)
    max_bytes: Annotated[int, Field(ge=1000, le=10 << 30)] | None = None
    format: Literal["text", "avro"] = "text"
    write_metadata: bool = False

    @model_validator(mode="after")
    def _metadata_in_avro(self) -> Self:
        if self.write_metadata and self.format != "avro":
            raise ValueError("write_metadata: text files hold payloads alone; use format avro or remove it")
        return self


class Push(Strict):
    """Messages are sent to a web service, signed as `service_account` (an e-mail address) for `audience`."""

    endpoint: Annotated[str, Field(pattern=r"^https://[^\s]+$")]
    service_account: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    audience: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _audience_of_a_token(self) -> Self:
        if self.audience is not None and self.service_account is None:
            raise ValueError("audience: it is part of a token, which needs a service_account; add that or remove it")
        return self
