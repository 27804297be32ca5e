"""The graph each job would submit to Dataflow: its service's own source and sink, nothing external, stable names."""

from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.pipeline import build as build_archive
from beam_jobs.config import JobConfig
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.pipeline import build as build_enrichment
from beam_jobs.messages import NativeEdges
from beam_jobs.warehouse.config import Column, WarehouseConfig
from beam_jobs.warehouse.pipeline import build as build_warehouse

EDGES = {"subscription": "projects/project-x/subscriptions/in", "dead_letter_topic": "projects/project-x/topics/dead"}
NAME = attrgetter("unique_name")
PAR_DO = "beam:transform:pardo:v1"
READ, WRITE = "beam:transform:pubsub_read:v1", "beam:transform:pubsub_write:v1"
JOBS: list[Any] = [
    (
        build_enrichment,
        EnrichmentConfig(topic="projects/project-x/topics/out", collection="devices", fields={}, **EDGES),
        ["Enrich", "Read", "Write", "Write dead letters"],
        ["projects/project-x/topics/out", "projects/project-x/topics/dead"],
    ),
    (
        build_warehouse,
        WarehouseConfig(table="p.d.t", columns=(Column(name="id", type="STRING", attribute="ce-id"),), **EDGES),
        ["Read", "Write dead letters", "Write rows"],
        ["projects/project-x/topics/dead"],
    ),
    (
        build_archive,
        ArchiveConfig(bucket="bucket", **EDGES),
        ["Archive", "Read", "Write dead letters"],
        ["projects/project-x/topics/dead"],
    ),
]


def submitted(build: Callable[..., None], config: JobConfig, folder: Path) -> Any:
    """The pipeline proto that Beam stages for Dataflow, without a service to take it."""
    flags = [
        "--runner=DataflowRunner",
        "--project=project-x",
        "--region=europe-west1",
        "--no_auth",
        "--dataflow_endpoint=http://localhost:1",
        f"--temp_location={folder / 'temp'}",
        f"--staging_location={folder / 'staging'}",
        f"--template_location={folder / 'template.json'}",
        "--streaming",
    ]
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    build(pipeline, config, NativeEdges())
    (folder / "staging").mkdir()
    with suppress(AttributeError):  # Beam may ask a job that was only staged for its metrics
        pipeline.run()
    return beam_runner_api_pb2.Pipeline.FromString((folder / "staging" / "pipeline.pb").read_bytes())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("build", "config", "names", "pubsub_topics"), JOBS, ids=["enrichment", "warehouse", "archive"]
)
def test_dataflow_gets_its_own_source_and_sink_under_stable_names(
    build: Any, config: Any, names: list[str], pubsub_topics: list[str], tmp_path: Path
) -> None:
    transforms = submitted(build, config, tmp_path).components.transforms.values()
    urns = [transform.spec.urn for transform in transforms]
    assert urns.count(READ) == 1
    assert urns.count(WRITE) == len(pubsub_topics)
    assert "beam:transform:external:v1" not in urns
    top = {name.split("/")[0] for name in map(NAME, transforms) if not name.startswith("ref_")}  # the root has no name
    assert sorted(top) == names
    payloads = b"".join(transform.spec.payload for transform in transforms if transform.spec.urn in (READ, WRITE))
    for name in (config.subscription, *pubsub_topics):
        assert name.encode() in payloads
    assert not any("_from_proto_str" in transform.unique_name for transform in transforms)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_holds_state_of_the_archive_keeps_its_name_so_that_a_running_job_can_be_replaced(tmp_path: Path) -> None:
    (job,) = (job for job in JOBS if job[0] is build_archive)
    transforms = submitted(*job[:2], tmp_path).components.transforms.values()
    parts = {"/".join(name.split("/")[:2]) for name in map(NAME, transforms) if name.startswith("Archive/")}
    assert parts == {f"Archive/{part}" for part in ("Gather", "Hold", "Settle", "Write", "Dead letters")}
    (hold,) = [one for one in transforms if one.spec.urn == PAR_DO and b"age" in one.spec.payload]
    assert hold.unique_name == "Archive/Hold"
    kept = beam_runner_api_pb2.ParDoPayload.FromString(hold.spec.payload)
    assert sorted(kept.state_specs) == ["blobs", "held"]
    assert sorted(kept.timer_family_specs) == ["ts-age", "ts-end"]
