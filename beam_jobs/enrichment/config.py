"""What the enrichment job is told."""

from typing import Annotated

from pydantic import Field

from beam_jobs.config import JobConfig, PubsubTopic


class EnrichmentConfig(JobConfig):
    """Adds to each message what the device register knows of its device, and its event-time window."""

    topic: Annotated[PubsubTopic, Field(description="Pub/Sub topic for enriched messages")]
    collection: Annotated[str, Field(description="Firestore collection with a document for each device")]
    key: Annotated[str, Field(description="attribute that names the device")] = "ce-subject"
    fields: Annotated[
        dict[str, str], Field(description="document field -> name under `device.` of the attribute it becomes")
    ]
    window_seconds: Annotated[int, Field(ge=1, le=86_400, description="length of the fixed event-time windows")] = 60
    project: Annotated[str | None, Field(description="project of the Firestore database")] = None
    redis_url: Annotated[str | None, Field(description="shared cache, redis://HOST:PORT; none: process cache only")] = (
        None
    )
    redis_seconds: Annotated[int, Field(ge=1, description="how long the shared cache keeps a record")] = 7_200
    memory_entries: Annotated[int, Field(ge=1, description="records each process keeps")] = 100_000
    memory_seconds: Annotated[int, Field(ge=1, description="how long a process keeps a record")] = 300
    absent_seconds: Annotated[int, Field(ge=1, description="how long an unknown device stays unknown")] = 30
