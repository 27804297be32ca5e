"""How Pub/Sub itself may bring a subscription's messages to where they belong. Pure description, as in `model`."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.strict import Duration, Strict, between

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]

_PARTS = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss|T|Z|\+00:00|[-_:/]")
_ONE_OF_EACH = (("YYYY", "YY"), ("MM",), ("DD",), ("hh",), ("mm",), ("ss",))
_AT_MOST_ONE = (("T",), ("Z", "+00:00"))


def _datetime_format(text: str) -> str:
    """https://cloud.google.com/pubsub/docs/create-cloudstorage-subscription#file_names"""
    parts = _PARTS.findall(text)
    if "".join(parts) != text:
        raise ValueError(f"{text!r} has other parts than YYYY, YY, MM, DD, hh, mm, ss, T, Z, +00:00 and -_:/")
    for choices in _ONE_OF_EACH:
        if sum(parts.count(each) for each in choices) != 1:
            raise ValueError(f"{text!r} needs {' or '.join(choices)}, exactly once")
    for choices in _AT_MOST_ONE:
        if sum(parts.count(each) for each in choices) > 1:
            raise ValueError(f"{text!r} may have {' or '.join(choices)} once only")
    return text


class BigQueryExport(Strict):
    """Messages become rows of `table`, named as in `bigquery_tables`, with its dataset where several have one.

    Pub/Sub's own agent writes them, or `service_account_email`; unsaid, whoever does so now.
    """

    table: str
    use_table_schema: bool = False
    use_topic_schema: bool = False
    write_metadata: bool = False
    drop_unknown_fields: bool = False
    service_account_email: Email | None = None

    @model_validator(mode="after")
    def _reads_what_it_drops(self) -> Self:
        if self.use_table_schema and self.use_topic_schema:
            raise ValueError("use_table_schema and use_topic_schema: Pub/Sub takes one of them; remove the other")
        if self.drop_unknown_fields and not (self.use_table_schema or self.use_topic_schema):
            what = "payloads are not read as fields; add use_table_schema or use_topic_schema, or remove it"
            raise ValueError(f"drop_unknown_fields: {what}")
        return self


class StorageExport(Strict):
    """Messages become files in `bucket`, named as in `gcs_buckets`; a file is finished by age, bytes or messages."""

    bucket: str
    prefix: Annotated[str, Field(max_length=512)] = ""
    suffix: Annotated[str, Field(max_length=128, pattern=r"^(.*[^/])?$")] = ""
    filename_datetime_format: Annotated[str, AfterValidator(_datetime_format)] | None = None
    max_duration: Annotated[Duration, between("1m", "10m")] = timedelta(minutes=5)
    max_bytes: Annotated[int, Field(ge=1000, le=10 << 30)] | None = None
    max_messages: Annotated[int, Field(ge=1000)] | None = None
    format: Literal["text", "avro"] = "text"
    write_metadata: bool = False
    use_topic_schema: bool = False
    service_account_email: Email | None = None

    @model_validator(mode="after")
    def _more_in_avro(self) -> Self:
        if self.format != "avro":
            if self.write_metadata:
                raise ValueError("write_metadata: text files hold payloads alone; use format avro or remove it")
            if self.use_topic_schema:
                raise ValueError("use_topic_schema: text files follow no schema; use format avro or remove it")
        return self


class NoWrapper(Strict):
    """The payload alone is the body of a push; with `write_metadata` attributes are headers."""

    write_metadata: bool = False


class Push(Strict):
    """Messages are sent to a web service, signed as `service_account` (an e-mail address) for `audience`."""

    endpoint: Annotated[str, Field(pattern=r"^https://[^\s]+$")]
    service_account: Email | None = None
    audience: str | None = None
    attributes: dict[Literal["x-goog-version"], Literal["v1", "v1beta1", "v1beta2"]] = Field(default_factory=dict)
    no_wrapper: NoWrapper | None = None

    @model_validator(mode="after")
    def _audience_of_a_token(self) -> Self:
        if self.audience is not None and self.service_account is None:
            raise ValueError("audience: it is part of a token, which needs a service_account; add that or remove it")
        return self
