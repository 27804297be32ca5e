"""How Pub/Sub itself delivers a subscription: from documents, from the live one, and to Pub/Sub's own messages. Pure.

What a document leaves unsaid is None here and stays as it is: `over` takes it from the live one.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from google.pubsub_v1.types import BigQueryConfig, CloudStorageConfig, PushConfig

from director.documents.specs.deliveries import BigQueryExport, Push, StorageExport
from director.provisioning.base import Verdict, mutable
from director.strict import written

WITH_METADATA = " with metadata"
TOPIC_SCHEMA = " by the topic's schema"


def delivered(live: Any, wanted: Any) -> Verdict | None:
    """The rule for a way of delivery."""
    return None if live == wanted else mutable(live, wanted and wanted.over(live))


@dataclass(frozen=True, slots=True)
class Rows:
    """Where Pub/Sub writes rows; `table` is `project.dataset.table`."""

    table: str
    use_table_schema: bool = False
    write_metadata: bool = False
    drop_unknown_fields: bool = False
    use_topic_schema: bool = False
    service_account: str | None = None

    def __str__(self) -> str:
        flags = ("use_table_schema", "use_topic_schema", "write_metadata", "drop_unknown_fields")
        return " ".join((self.table, *(flag for flag in flags if getattr(self, flag)))) + _as(self.service_account)

    @classmethod
    def of(cls, spec: BigQueryExport, table: str) -> Self:
        return cls(
            table=table,
            use_table_schema=spec.use_table_schema,
            write_metadata=spec.write_metadata,
            drop_unknown_fields=spec.drop_unknown_fields,
            use_topic_schema=spec.use_topic_schema,
            service_account=spec.service_account_email,
        )

    @classmethod
    def live(cls, found: Any) -> Self:
        return cls(
            table=found.table,
            use_table_schema=found.use_table_schema,
            write_metadata=found.write_metadata,
            drop_unknown_fields=found.drop_unknown_fields,
            use_topic_schema=found.use_topic_schema,
            service_account=found.service_account_email,
        )

    def over(self, live: "Rows | None") -> "Rows":
        return replace(self, service_account=_said(self.service_account, live.service_account if live else None))

    def message(self) -> Any:
        return BigQueryConfig(
            table=self.table,
            use_table_schema=self.use_table_schema,
            write_metadata=self.write_metadata,
            drop_unknown_fields=self.drop_unknown_fields,
            use_topic_schema=self.use_topic_schema,
            service_account_email=self.service_account or "",
        )


@dataclass(frozen=True, slots=True)
class Files:
    """Where Pub/Sub writes files. `format` is text or avro, with what else is in it in words."""

    bucket: str
    prefix: str
    suffix: str
    max_duration: timedelta
    max_bytes: int | None
    format: str
    datetime_format: str | None = None
    max_messages: int | None = None
    service_account: str | None = None

    def __str__(self) -> str:
        size = f" or {self.max_bytes} bytes" if self.max_bytes else ""
        count = f" or {self.max_messages} messages" if self.max_messages else ""
        name = f"{self.prefix}{self.datetime_format or '...'}{self.suffix}"
        limits = f"each {written(self.max_duration)}{size}{count}"
        return f"gs://{self.bucket}/{name} as {self.format}, {limits}{_as(self.service_account)}"

    @classmethod
    def of(cls, spec: StorageExport) -> Self:
        return cls(
            bucket=spec.bucket,
            prefix=spec.prefix,
            suffix=spec.suffix,
            max_duration=spec.max_duration,
            max_bytes=spec.max_bytes,
            format=_format(spec.format == "avro", spec),
            datetime_format=spec.filename_datetime_format,
            max_messages=spec.max_messages,
            service_account=spec.service_account_email,
        )

    @classmethod
    def live(cls, found: Any) -> Self:
        return cls(
            bucket=found.bucket,
            prefix=found.filename_prefix,
            suffix=found.filename_suffix,
            max_duration=found.max_duration,
            max_bytes=found.max_bytes or None,
            format=_format("avro_config" in found, found.avro_config),
            datetime_format=found.filename_datetime_format,
            max_messages=found.max_messages or None,
            service_account=found.service_account_email,
        )

    def over(self, live: "Files | None") -> "Files":
        return replace(
            self,
            service_account=_said(self.service_account, live.service_account if live else None),
            datetime_format=_said(self.datetime_format, live.datetime_format if live else None),
        )

    def message(self) -> Any:
        avro = CloudStorageConfig.AvroConfig(
            write_metadata=WITH_METADATA in self.format, use_topic_schema=TOPIC_SCHEMA in self.format
        )
        text = CloudStorageConfig.TextConfig()
        return CloudStorageConfig(
            bucket=self.bucket,
            filename_prefix=self.prefix,
            filename_suffix=self.suffix,
            filename_datetime_format=self.datetime_format or "",
            max_duration=self.max_duration,
            max_bytes=self.max_bytes or 0,
            max_messages=self.max_messages or 0,
            service_account_email=self.service_account or "",
            **({"text_config": text} if self.format == "text" else {"avro_config": avro}),
        )


@dataclass(frozen=True, slots=True)
class Calls:
    """Which web service Pub/Sub sends messages to, and as whom; unwrapped, the payload is the whole body."""

    endpoint: str
    service_account: str
    audience: str
    attributes: tuple[tuple[str, str], ...]
    unwrapped: bool = False
    with_headers: bool = False

    def __str__(self) -> str:
        audience = f" for {self.audience}" if self.audience else ""
        unwrapped = " unwrapped" + (" with headers" if self.with_headers else "") if self.unwrapped else ""
        attributes = "".join(f" {key}={value}" for key, value in self.attributes)
        return f"{self.endpoint}{_as(self.service_account)}{audience}{unwrapped}{attributes}"

    @classmethod
    def of(cls, spec: Push) -> Self:
        return cls(
            endpoint=spec.endpoint,
            service_account=spec.service_account or "",
            audience=spec.audience or "",
            attributes=tuple(sorted(spec.attributes.items())),
            unwrapped=spec.no_wrapper is not None,
            with_headers=spec.no_wrapper is not None and spec.no_wrapper.write_metadata,
        )

    @classmethod
    def live(cls, found: Any) -> Self:
        return cls(
            endpoint=found.push_endpoint,
            service_account=found.oidc_token.service_account_email,
            audience=found.oidc_token.audience,
            attributes=tuple(sorted(found.attributes.items())),
            unwrapped="no_wrapper" in found,
            with_headers=found.no_wrapper.write_metadata,
        )

    def over(self, live: "Calls | None") -> "Calls":
        """Pub/Sub always answers with a version of its format, asked for or not."""
        attributes = {**dict(live.attributes if live else ()), **dict(self.attributes)}
        return replace(self, attributes=tuple(sorted(attributes.items())))

    def message(self) -> Any:
        token = PushConfig.OidcToken(service_account_email=self.service_account, audience=self.audience)
        return PushConfig(
            push_endpoint=self.endpoint,
            attributes=dict(self.attributes),
            oidc_token=token if self.service_account else None,
            no_wrapper=PushConfig.NoWrapper(write_metadata=self.with_headers) if self.unwrapped else None,
        )


def _said(wanted: str | None, live: str | None) -> str:
    return (live or "") if wanted is None else wanted


def _as(account: str | None) -> str:
    return f" as {account}" if account else ""


def _format(avro: bool, more: Any) -> str:
    if not avro:
        return "text"
    return "avro" + (TOPIC_SCHEMA if more.use_topic_schema else "") + (WITH_METADATA if more.write_metadata else "")
