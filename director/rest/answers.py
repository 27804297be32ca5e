"""What the door answers with, and what it takes: the one source of the bytes and of the OpenAPI document."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from director.names import ID_PATTERN
from director.operations.model import OneOutcome, Operation, State
from director.provisioning.plan_document import Purpose
from director.rest.paging import ByTime
from director.safety.audit import Record
from director.strict import Strict

Id = Annotated[str, Field(pattern=f"^{ID_PATTERN}$")]


class Answer(BaseModel):
    """Base of every answer: nothing in it that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Alive(Answer):
    alive: bool


class CommandsSeen(Answer):
    """Whether commands come in from Pub/Sub, and seconds since the last one did."""

    subscribed: bool
    quiet_seconds: float | None


class Ready(Answer):
    """`version` of the architecture is in force; `remark` is what somebody should see to all the same.

    `commands` is there where the director takes some.
    """

    ready: bool
    version: int | None = None
    remark: str | None = None
    commands: CommandsSeen | None = None


class DataflowList(Answer):
    architecture: str
    dataflows: tuple[str, ...]
    next_page_token: str


class ResourceSeen(Answer):
    kind: str
    name: str
    services: tuple[str, ...]


class Dataflow(Answer):
    name: str
    description: str
    strategy: str
    services: tuple[str, ...]
    resources: tuple[ResourceSeen, ...]


class Change(Answer):
    action: str
    kind: str
    name: str
    reasons: tuple[str, ...]


class PlannedChange(Change):
    """`facts` is a fingerprint of what the resource is and should be."""

    fields: tuple[str, ...]
    facts: str


class Plan(Answer):
    """`hash` is what an apply or a teardown takes, so that nothing else is done than was shown."""

    version: int
    architecture: str
    dataflow: str
    service: str | None
    resource: str | None
    purpose: Purpose
    hash: str
    changes: tuple[PlannedChange, ...]


class Verified(Answer):
    dataflow: str
    changes: tuple[Change, ...]


class Difference(Answer):
    """`moved` says which of the two is not what it was at the last apply."""

    kind: str
    name: str
    field: str
    live: Any
    wanted: Any
    reason: str
    moved: Literal["world", "document", "unknown"]
    mendable: bool
    enforced: bool


class Drift(Answer):
    dataflow: str
    differences: tuple[Difference, ...]


class Slice(Answer):
    """A service's own configuration and the variables of its environment, with the names of what it is linked to."""

    project: str
    dataflow: str
    service: str
    config: dict[str, Any]
    environment: dict[str, str]


class Done(Answer):
    """An operation that came to its end as wanted."""

    dataflow: str
    operation: str
    resources: tuple[OneOutcome, ...]


class OperationList(Answer):
    operations: tuple[Operation, ...]
    next_page_token: str


class AuditPage(Answer):
    records: tuple[Record, ...]
    next_page_token: str


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{8,128}$")]
Named = Annotated[str, Field(min_length=1, max_length=512)]


class PlanAsked(Strict):
    """Of the whole dataflow, of what one service is linked to, or of one resource with what it needs."""

    purpose: Purpose = "apply"
    service: Id | None = None
    resource: Named | None = None

    @model_validator(mode="after")
    def _back_as_a_whole(self) -> Self:
        if self.purpose == "rollback" and (self.service or self.resource):
            raise ValueError("a dataflow is rolled back as a whole; leave out service and resource")
        return self


class ApplyAsked(Strict):
    """With a `plan_hash` only what that plan shows is done, or nothing."""

    plan_hash: Hash | None = None
    service: Id | None = None
    resource: Named | None = None


class TeardownAsked(Strict):
    """`plan_hash` of a plan for teardown, and by name each resource whose data may be lost."""

    plan_hash: Hash
    confirmed: Annotated[tuple[Named, ...], Field(max_length=200)] = ()
    service: Id | None = None
    resource: Named | None = None


class DataflowRollbackAsked(Strict):
    """`plan_hash` of a plan for rollback, and by name each resource whose data may be lost."""

    plan_hash: Hash
    confirmed: Annotated[tuple[Named, ...], Field(max_length=200)] = ()


class OperationsAsked(ByTime):
    """`request_id` is that of the call, or the id of the command."""

    dataflow: Id | None = None
    state: State | None = None
    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")] | None = None


class NewsAsked(Strict):
    """Seconds to wait for another configuration than If-None-Match has."""

    wait: Annotated[float, Field(ge=0, le=30, allow_inf_nan=False)] = 0.0


class WaitAsked(Strict):
    """Seconds."""

    timeout: Annotated[float, Field(ge=0, le=30, allow_inf_nan=False)] = 10.0


class AuditAsked(ByTime):
    dataflow: Id | None = None
    who: Annotated[str, Field(max_length=320)] | None = None
