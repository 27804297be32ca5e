"""What the archive job is told."""

from typing import Annotated

from pydantic import Field

from beam_jobs.config import JobConfig


class ArchiveConfig(JobConfig):
    """Writes messages, whole, to Cloud Storage: objects of JSON lines by event date and the attributes of `key`."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", description="bucket name")]
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9/_-]{0,200}$", description="start of every object name")] = (
        "archive"
    )
    key: Annotated[tuple[str, ...], Field(description="attributes that, behind the date, group messages")] = (
        "device.location",
    )
