"""Dataflow jobs in documents: what is refused, and what people are told to do."""

from pathlib import Path
from typing import Any

import pytest

from director.strict import DocumentError
from tests.director.resources.plants import blueprint

JOB = {"name": "enrichment", "service": "archive", "template": "gs://templates/enrichment.json"}


def refused(folder: Path, fields: Any) -> str:
    with pytest.raises(DocumentError) as raised:
        blueprint(folder, dataflow_jobs=[{**JOB, **fields}])
    return str(raised.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Enrichment"}, "is no Dataflow job name"),
        ({"name": "enrichment-"}, "not ending with '-'"),
        ({"template": "templates/enrichment.json"}, "gs://BUCKET/NAME"),
        ({"template": "gs://templates"}, "gs://BUCKET/NAME"),
        ({"parameters": {"windows": 5}}, "write text"),
        ({"parameters": {"9x": "1"}}, "is no parameter name"),
        ({"subnetwork": "edge"}, "write regions/REGION/subnetworks/NAME"),
        ({"temp_location": "/somewhere"}, "gs://BUCKET/FOLDER"),
        ({"kms_key_name": "key"}, "is no name of a Cloud KMS key"),
        ({"labels": {"launched-template": "x"}}, "is set by the director itself"),
        ({"labels": {"dataflow": "x"}}, "is set by the director itself"),
        ({"on_delete": "stop"}, "on_delete"),
        ({"update": "always"}, "update"),
        ({"region": "mars"}, "unknown region"),
        ({"max_workers": 0}, "max_workers"),
        ({"num_workers": 5, "max_workers": 4}, "num_workers is above max_workers"),
        ({"streaming_mode": "at-least-once", "streaming_engine": False}, "at-least-once needs Streaming Engine"),
        ({"service": "other"}, "no service 'other' here"),
        ({"additional_experiments": ["a b"]}, "must match"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_what_to_do(tmp_path: Path, fields: Any, said: str) -> None:
    assert said in refused(tmp_path, fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"parameters": {"redis_password": "hunter2"}},
        {"parameters": {"redis_url": "redis://me:hunter2@cache:6379"}},
        {"launch_options": {"api_key": "hunter2"}},
    ],
)
def test_a_secret_in_a_parameter_is_refused_and_not_repeated(tmp_path: Path, fields: Any) -> None:
    said = refused(tmp_path, fields)
    assert "a secret does not belong here" in said
    assert "hunter2" not in said


def test_a_parameter_may_name_a_secret(tmp_path: Path) -> None:
    blueprint(tmp_path, dataflow_jobs=[{**JOB, "parameters": {"redis_password": "projects/p-1/secrets/redis"}}])
