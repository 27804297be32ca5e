"""What the archive job is told."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from beam_jobs.archive.formats import FormatName
from beam_jobs.archive.objects import LONGEST_FILE
from beam_jobs.archive.partitions import checked, longest, of_key
from beam_jobs.config import JobConfig

LONGEST_NAME = 1_024  # bytes of an object's name, https://cloud.google.com/storage/docs/objects#naming


class ArchiveConfig(JobConfig):
    """Writes messages, whole, to Cloud Storage: objects of lines by event date and the attributes of `key`."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", description="bucket name")]
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9/_-]{0,200}$", description="start of every object name")] = (
        "archive"
    )
    key: Annotated[tuple[str, ...], Field(description="attributes that, behind the date, group messages")] = (
        "device.location",
    )
    template: Annotated[
        Annotated[str, AfterValidator(checked)] | None,
        Field(description="folders instead of key, such as {date}/{hour}/{device.location}/{ce-type}"),
    ] = None
    format: Annotated[FormatName, Field(description="how lines are written")] = "jsonl.gz"
    flush_messages: Annotated[int, Field(ge=1, le=1_000_000, description="messages an object holds at most")] = 5_000
    flush_bytes: Annotated[
        int, Field(ge=1_000, le=64_000_000, description="bytes of lines an object holds at most, or one line")
    ] = 16_000_000
    flush_seconds: Annotated[
        int, Field(ge=1, le=3_600, description="how long a message waits for others on an engine that keeps state")
    ] = 60
    shards: Annotated[int, Field(ge=1, le=64, description="over how many workers a busy folder is spread")] = 8
    open_bytes: Annotated[
        int, Field(ge=100_000, description="memory that lines of a bundle may take before the oldest are written")
    ] = 64_000_000

    @property
    def folders(self) -> str:
        """The template of whole folders, prefix and all."""
        return f"{self.prefix}/{self.template or of_key(self.key)}"

    @model_validator(mode="after")
    def _one_way_to_group(self) -> Self:
        if self.template is not None and "key" in self.model_fields_set:
            raise ValueError("template and key: give one of them")
        if self.template is None:
            checked(of_key(self.key))
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        most = longest(self.folders) + 1 + LONGEST_FILE
        if most > LONGEST_NAME:
            raise ValueError(f"object names could have {most} bytes, and {LONGEST_NAME} are allowed: name fewer places")
        return self
