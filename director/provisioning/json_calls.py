"""Calls to those of Google's services that are plain JSON, with the errors that its clients raise."""

from collections.abc import Mapping
from typing import Any

from google.api_core.exceptions import from_http_response
from google.auth.transport.requests import AuthorizedSession

from director.provisioning.base import CALL_TIMEOUT


def json_answer(
    session: AuthorizedSession, method: str, url: str, body: Any = None, query: Mapping[str, str] | None = None
) -> dict[str, Any]:
    answer = session.request(method, url, json=body, params=query, timeout=CALL_TIMEOUT)
    if answer.status_code != 200:
        raise from_http_response(answer)
    found: dict[str, Any] = answer.json()
    return found
