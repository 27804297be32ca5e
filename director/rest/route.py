"""What a route is: an address, the action that has to be allowed for it, what it takes, and what it answers."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from werkzeug.datastructures import Headers

from director.names import ID_PATTERN
from director.operations.events import Events
from director.operations.operations import Operations
from director.operations.vitals import Beside
from director.renewal import Renewal
from director.rest.bodies import Nothing
from director.rest.figures import Figures
from director.rest.limits import Buckets
from director.rest.turns import Turns
from director.safety.audit import Audit, Trail
from director.safety.authentication import Authenticator, Identity
from director.safety.authorization import Action, Authorization
from director.safety.untrusted import LARGEST
from director.service import Director
from director.strict import Strict

ARGUMENTS = {"id": ID_PATTERN, "number": "[1-9][0-9]{0,8}"}  # what may stand in an address, by its kind
ARGUMENT = re.compile(r"<(\w+):(\w+)>")


class NoQuery(Strict):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything behind the door."""

    director: Director
    authenticator: Authenticator
    authorization: Authorization
    audit: Audit
    operations: Operations
    events: Events
    figures: Figures
    limits: Buckets
    refusals: Buckets
    stopping: Callable[[], bool]
    beside: Beside
    turns: Turns
    document: str  # of this interface, in OpenAPI
    renewal: Renewal | None = None  # where there is no store of versions


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in. `trail` is there for routes that change something."""

    parts: Parts
    identity: Identity
    request_id: str
    arguments: Mapping[str, str]
    query: Any
    body: Any
    headers: Headers
    trail: Trail | None = None

    @property
    def director(self) -> Director:
        return self.parts.director

    @property
    def dataflow(self) -> str:
        return self.arguments["dataflow"]


class Stream:
    """Texts that come over time; what it holds is given back when the caller is gone, even before the first."""

    def __init__(self, texts: Iterator[str], release: Callable[[], None]) -> None:
        self._texts = texts
        self._release = release
        self._closed = False

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> str:
        return next(self._texts)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._release()


@dataclass(frozen=True, slots=True)
class Reply:
    """`content` is a model, a text, or texts that come over time."""

    content: "BaseModel | str | Stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def etag_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`answer` is a model or a media type; `etag` where If-None-Match is worth asking; `begins` an operation.

    `guarded` is what changes only what If-Match names; `largest` the bytes of a body.
    """

    method: Literal["GET", "POST"]
    path: str
    action: Action
    summary: str
    endpoint: Callable[[Call], Reply]
    answer: type[BaseModel] | str
    body: type[Strict] | None = None
    query: type[Strict] = NoQuery
    refusals: tuple[int, ...] = ()
    etag: bool = False
    changes: bool = False
    begins: bool = False
    guarded: bool = False
    largest: int = LARGEST

    @property
    def takes(self) -> type[Strict] | None:
        """The model of the body; every POST has one."""
        return self.body or (Nothing if self.method == "POST" else None)

    @property
    def name(self) -> str:
        return f"{self.method} {self.address}"

    @property
    def address(self) -> str:
        """As OpenAPI writes it."""
        return ARGUMENT.sub(r"{\2}", self.path)
