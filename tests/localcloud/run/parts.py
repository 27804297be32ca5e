"""Small services and jobs, each in a project of its own."""

import uuid
from typing import Any


def parent() -> str:
    return f"projects/p-{uuid.uuid4().hex[:8]}/locations/europe-west1"


def service(**container: Any) -> dict[str, Any]:
    return {"template": {"containers": [{"image": "x:1", **container}]}}


def job(**container: Any) -> dict[str, Any]:
    return {"template": {"template": {"containers": [{"image": "x:1", **container}]}}}
