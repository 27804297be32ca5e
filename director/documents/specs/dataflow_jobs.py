"""Dataflow in documents: streaming jobs, launched from Flex Templates."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import Region
from director.documents.specs.programs import Program
from director.names import DataflowJobName, KmsKey, Labels, matching

_LAUNCHED = ("launched-template", "launched-parameters", "launched-environment")  # labels that the director sets

_SHARED_NETWORK = r"https://www\.googleapis\.com/compute/v1/projects/[^/\s]+/"


def _unowned(labels: dict[str, str]) -> dict[str, str]:
    for label in _LAUNCHED:
        if label in labels:
            raise ValueError(f"{label!r} is set by the director itself; remove it")
    return labels


def _subnetwork(text: str) -> str:
    if not re.fullmatch(rf"({_SHARED_NETWORK})?regions/[^/\s]+/subnetworks/[^/\s]+", text):
        raise ValueError("is no subnetwork; write regions/REGION/subnetworks/NAME, or its whole address")
    return text


Object = Annotated[str, matching("Cloud Storage address", r"gs://[a-z0-9][a-z0-9._-]{1,220}/\S+", "gs://BUCKET/NAME")]
Folder = Annotated[
    str, matching("Cloud Storage address", r"gs://[a-z0-9][a-z0-9._-]{1,220}(/\S*)?", "gs://BUCKET/FOLDER")
]
OptionName = Annotated[
    str, matching("parameter name", r"[A-Za-z][A-Za-z0-9_.-]{0,127}", "letters, digits and any of _.-")
]
Options = Annotated[dict[OptionName, Annotated[str, Field(max_length=20_000)]], Field(max_length=500)]
Flag = Annotated[str, Field(pattern=r"^[^\s,]{1,1000}$")]


class DataflowJob(Program):
    """A streaming job, launched from the Flex Template whose specification is the object `template`.

    A job that is not what it was launched with is updated in place, so that it keeps its state: `update: replace`; or
    the difference is refused: `update: never`. A job that is deleted is drained first, or cancelled.
    """

    name: DataflowJobName
    region: Region | None = None
    template: Object
    parameters: Options = Field(default_factory=dict)
    labels: Annotated[Labels, AfterValidator(_unowned)] = Field(default_factory=dict)
    num_workers: Annotated[int, Field(ge=1, le=4_000)] | None = None
    max_workers: Annotated[int, Field(ge=1, le=4_000)] | None = None
    machine_type: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")] | None = None
    disk_size_gb: Annotated[int, Field(ge=10, le=65_536)] | None = None
    network: str | None = None
    subnetwork: Annotated[str, AfterValidator(_subnetwork)] | None = None
    ip_configuration: Literal["public", "private"] | None = None
    temp_location: Folder | None = None
    staging_location: Folder | None = None
    kms_key_name: KmsKey | None = None
    streaming_engine: bool | None = None
    streaming_mode: Literal["exactly-once", "at-least-once"] | None = None
    launcher_machine_type: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")] | None = None
    launch_options: Options = Field(default_factory=dict)
    additional_experiments: tuple[Flag, ...] = ()
    transform_name_mapping: dict[str, str] = Field(default_factory=dict)
    update: Literal["replace", "never"] = "replace"
    on_delete: Literal["drain", "cancel"] = "drain"

    @property
    def folders(self) -> tuple[tuple[str, str], ...]:
        """Where workers keep files of their own, each after its bucket."""
        named = (folder for folder in (self.temp_location, self.staging_location) if folder)
        return tuple((folder.removeprefix("gs://").partition("/")[0], folder) for folder in named)

    @model_validator(mode="after")
    def _workers_within_bounds(self) -> Self:
        if self.max_workers is not None and (self.num_workers or 0) > self.max_workers:
            raise ValueError("num_workers is above max_workers; swap them")
        return self

    @model_validator(mode="after")
    def _engine_of_the_mode(self) -> Self:
        if self.streaming_mode == "at-least-once" and self.streaming_engine is False:
            raise ValueError("streaming_mode: at-least-once needs Streaming Engine; remove streaming_engine: false")
        return self
