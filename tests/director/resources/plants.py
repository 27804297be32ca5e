"""Small documents with the resources that a test is about, and what is said to Google about them."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import grpc

from director.documents.loading import Blueprint, load
from director.provisioning.base import Wanted
from director.provisioning.waiting import Waiting
from director.resources.catalogue import wanted
from director.retries import Retries

PROJECTS = itertools.count(1)
DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"europe-west1-docker.pkg.dev/plant/images/bridge@{DIGEST}"
SERVICES = {
    "bridge": {"service_account": "bridge-sa"},
    "archive": {"service_account": "archive-sa"},
}


def blueprint(folder: Path, **resources: list[dict[str, Any]]) -> Blueprint:
    """In a project that no other test uses."""
    document = {
        "name": "plant",
        "project_id": f"mine-{os.getpid()}-{next(PROJECTS)}",
        "region": "europe-west1",
        "location": "EU",
        "labels": {"team": "air"},
        "dataflows": {"air": {"services": SERVICES, "resources": resources}},
    }
    file = folder / f"{document['project_id']}.yaml"
    file.write_text(json.dumps(document))
    return load(file)


def only(found: Blueprint, kind: str) -> Wanted[Any]:
    """The one resource of a kind."""
    (one,) = [each for each in wanted(found, "air") if each.kind == kind]
    return one


def hasty(budget: float = 20.0) -> Waiting:
    """Pauses of milliseconds."""
    return Waiting(budget, Retries(first=0.002, longest=0.02))


class Recorder(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """What was asked of Google, by method, in the order it was."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        self.asked.append((details.method.rpartition("/")[2], request))
        return continuation(details, request)

    def bodies(self, *methods: str) -> list[Any]:
        return [request for method, request in self.asked if method in methods]
