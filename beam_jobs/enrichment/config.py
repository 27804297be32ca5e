"""What the enrichment job is told."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from beam_jobs.config import JobConfig, PubsubTopic
from director.fields import Pointer
from director.strict import Strict

OnLate = Literal["forward", "dead_letter"]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$")]
SourceField = Annotated[str, Field(pattern=r"^[^`]+$")]
LayerName = Literal["process", "redis"]
OnMissing = Literal["forward", "dead_letter"]
OnUnavailable = Literal["forward", "dead_letter", "hold"]


class Rollups(Strict):
    """What is added up per device and window: numbers in JSON payloads."""

    fields: Annotated[dict[FieldName, Pointer], Field(min_length=1)]  # name -> where it stands, such as /data/temp
    early_seconds: Annotated[int | None, Field(ge=1)] = None  # how often an open window gives what it has so far


class EnrichmentConfig(JobConfig):
    """Adds to each message what the device register knows of its device, and its event-time window."""

    topic: Annotated[PubsubTopic, Field(description="Pub/Sub topic for enriched messages")]
    source: Annotated[
        Literal["firestore", "bigquery", "file"], Field(description="where the device register is kept")
    ] = "firestore"
    collection: Annotated[
        str | None, Field(min_length=1, description="source firestore: collection with a document for each device")
    ] = None
    source_table: Annotated[
        str | None,
        Field(pattern=r"^[^.`]+\.[^.`]+\.[^.`]+$", description="source bigquery: PROJECT.DATASET.TABLE of devices"),
    ] = None
    source_key: Annotated[
        str, Field(pattern=r"^[^.`]+$", description="source bigquery: text column with the device's id")
    ] = "id"
    source_file: Annotated[
        str | None, Field(min_length=1, description="source file: YAML of ids to documents, or .jsonl with an id each")
    ] = None
    key: Annotated[str, Field(min_length=1, description="attribute that names the device")] = "ce-subject"
    key_pointer: Annotated[
        Pointer | None, Field(description="JSON pointer to the device's id in the payload, instead of an attribute")
    ] = None
    fields: Annotated[
        dict[SourceField, FieldName],
        Field(description="document field -> name under `device.` of the attribute it becomes"),
    ]
    on_missing: Annotated[
        OnMissing, Field(description="no such device: forward the message marked not_found, or dead_letter it")
    ] = "forward"
    on_unavailable: Annotated[
        OnUnavailable,
        Field(description="nobody can say: forward marked unavailable, dead_letter, or hold the batch until they can"),
    ] = "forward"
    window_seconds: Annotated[int, Field(ge=1, le=86_400, description="length of the fixed event-time windows")] = 60
    allowed_lateness_seconds: Annotated[
        int, Field(ge=0, le=604_800, description="how long after the end of its window a message is not yet late")
    ] = 60
    on_late: Annotated[OnLate, Field(description="what is late: forward it marked, or dead_letter it")] = "forward"
    rollups: Annotated[
        Rollups | None, Field(description="numbers in the payload to add up per device and window; none: no rollups")
    ] = None
    rollup_topic: Annotated[PubsubTopic | None, Field(description="Pub/Sub topic for rollups")] = None
    project: Annotated[str | None, Field(description="project of the Firestore database")] = None
    layers: Annotated[
        tuple[LayerName, ...] | None,
        Field(description="caches before the source, near to far; none given: process, and redis where it has a URL"),
    ] = None
    redis_url: Annotated[str | None, Field(description="shared cache, redis://HOST:PORT")] = None
    redis_seconds: Annotated[int, Field(ge=1, description="how long the shared cache keeps a record")] = 7_200
    memory_entries: Annotated[int, Field(ge=1, description="records each process keeps")] = 100_000
    memory_bytes: Annotated[int, Field(ge=10_000, description="bytes these records may take")] = 64_000_000
    memory_seconds: Annotated[int, Field(ge=1, description="how long a process keeps a record")] = 300
    absent_seconds: Annotated[int, Field(ge=1, description="how long an unknown device stays unknown")] = 30
    revalidate_seconds: Annotated[
        int, Field(ge=0, description="how much longer a process serves a record while it is read anew behind")
    ] = 30
    stale_seconds: Annotated[
        int, Field(ge=0, description="how much longer a record is served, marked stale, while the source fails")
    ] = 3_600
    invalidation_topic: Annotated[
        PubsubTopic | None, Field(description="Pub/Sub topic that tells of changed devices; none: records just age")
    ] = None

    @property
    def register_name(self) -> str:
        """What changes to the register call it."""
        return self.collection or self.source_table or str(self.source_file)

    @property
    def chain(self) -> tuple[LayerName, ...]:
        if self.layers is not None:
            return self.layers
        return ("process", "redis") if self.redis_url else ("process",)

    @model_validator(mode="after")
    def _source_says_where(self) -> Self:
        settings = {"firestore": "collection", "bigquery": "source_table", "file": "source_file"}
        for source, name in settings.items():
            given = getattr(self, name) is not None
            if given != (source == self.source):
                advice = f"leave it out, or take source {source}" if given else "add it"
                raise ValueError(f"{name}: source is {self.source}; {advice}")
        return self

    @model_validator(mode="after")
    def _layers_fit_together(self) -> Self:
        if self.layers is not None and self.layers not in ((), ("process",), ("redis",), ("process", "redis")):
            raise ValueError("layers: name each once, process before redis")
        if ("redis" in self.chain) != (self.redis_url is not None):
            raise ValueError("redis_url: give it where redis is one of the layers, and only there")
        return self

    @model_validator(mode="after")
    def _rollups_go_somewhere_of_their_own(self) -> Self:
        if (self.rollups is None) != (self.rollup_topic is None):
            given, wanted = ("rollups", "rollup_topic") if self.rollups else ("rollup_topic", "rollups")
            raise ValueError(f"{given} without {wanted}: give both, or neither")
        if self.rollup_topic in (self.topic, self.dead_letter_topic):
            raise ValueError(f"rollup_topic: {self.rollup_topic} holds other messages: give rollups their own topic")
        return self
