"""Every route of the REST door, with the action that has to be allowed for it. There are no others.

Flask's rules, the checks at the door and the OpenAPI document are all made from this list.
"""

from director.operations.model import Operation
from director.rest.answers import (
    Alive,
    ApplyAsked,
    AuditAsked,
    AuditPage,
    Dataflow,
    DataflowList,
    DataflowRollbackAsked,
    Done,
    Drift,
    NewsAsked,
    OperationList,
    OperationsAsked,
    Plan,
    PlanAsked,
    Ready,
    Slice,
    TeardownAsked,
    Verified,
    WaitAsked,
)
from director.rest.endpoints import architecture, audit, dataflows, events, operations, own, services
from director.rest.figures import MEDIA_TYPE
from director.rest.paging import ByName, ByTime
from director.rest.route import Route
from director.rest.versions import (
    LARGEST_IMPORT,
    AddedVersion,
    ArchitectureSeen,
    DiffAsked,
    Differences,
    ImportAsked,
    RollbackAsked,
    VersionList,
)

DATAFLOW = "/v1/dataflows/<id:dataflow>"
SERVICE = f"{DATAFLOW}/services/<id:service>"
OPERATION = "/v1/operations/<id:operation>"
ARCHITECTURE = "/v1/architecture"
CLOUD = (502, 503)

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET", path="/healthz", action="open", endpoint=own.alive, answer=Alive,
        summary="whether the process answers",
    ),
    Route(
        method="GET", path="/readyz", action="open", endpoint=own.ready, answer=Ready,
        summary="whether it has dataflows to answer for",
    ),
    Route(
        method="GET", path="/metrics", action="see_metrics", endpoint=own.figures, answer=MEDIA_TYPE,
        summary="the director's own figures, for Prometheus",
    ),
    Route(
        method="GET", path="/v1/openapi.json", action="see_itself", endpoint=own.description,
        answer="application/json", etag=True, summary="this document",
    ),
    Route(
        method="GET", path="/v1/dataflows", action="list", endpoint=dataflows.listed, answer=DataflowList,
        query=ByName, summary="the dataflows the caller may know of",
    ),
    Route(
        method="GET", path=DATAFLOW, action="see", endpoint=dataflows.described, answer=Dataflow,
        summary="what a dataflow is made of",
    ),
    Route(
        method="POST", path=f"{DATAFLOW}:plan", action="plan", endpoint=dataflows.planned, answer=Plan,
        body=PlanAsked, refusals=CLOUD, summary="what an apply, a teardown or a rollback would do; changes nothing",
    ),
    Route(
        method="POST", path=f"{DATAFLOW}:verify", action="verify", endpoint=dataflows.verified, answer=Verified,
        refusals=(409, *CLOUD), summary="whether everything is as wanted; 409 with what is not",
    ),
    Route(
        method="POST", path=f"{DATAFLOW}:drift", action="drift", endpoint=dataflows.drifted, answer=Drift,
        refusals=CLOUD, summary="each field that is not as wanted, and which side has moved",
    ),
    Route(
        method="POST", path=f"{DATAFLOW}:apply", action="apply", endpoint=dataflows.applied, answer=Done,
        body=ApplyAsked, refusals=(409, *CLOUD), changes=True, begins=True,
        summary="create and update what is wanted",
    ),
    Route(
        method="POST", path=f"{DATAFLOW}:teardown", action="teardown", endpoint=dataflows.torn_down, answer=Done,
        body=TeardownAsked, refusals=(409, *CLOUD), changes=True, begins=True,
        summary="delete what is ours and unprotected, as a plan has shown it",
    ),
    Route(
        method="POST", path=f"{DATAFLOW}:rollback", action="rollback", endpoint=dataflows.rolled_back, answer=Done,
        body=DataflowRollbackAsked, refusals=(409, *CLOUD), changes=True, begins=True,
        summary="bring back what was last applied whole, as a plan has shown it",
    ),
    Route(
        method="GET", path=f"{SERVICE}/config", action="read_configuration", endpoint=services.configured,
        answer=Slice, etag=True, query=NewsAsked,
        summary="a service's own slice of the configuration; with wait, once it is another than If-None-Match has",
    ),
    Route(
        method="POST", path=f"{SERVICE}:verify", action="register", endpoint=services.registered, answer=Slice,
        refusals=(409, *CLOUD), summary="start-up handshake: the slice once all the service needs is there",
    ),
    Route(
        method="GET", path=ARCHITECTURE, action="see_architecture", endpoint=architecture.current,
        answer=ArchitectureSeen, etag=True, refusals=(404, *CLOUD), summary="the current version, with its texts",
    ),
    Route(
        method="POST", path=ARCHITECTURE, action="change_architecture", endpoint=architecture.imported,
        answer=AddedVersion, body=ImportAsked, guarded=True, changes=True, largest=LARGEST_IMPORT,
        refusals=(404, 409, 422, *CLOUD), summary="add a version, which is current then",
    ),
    Route(
        method="POST", path=f"{ARCHITECTURE}:rollback", action="change_architecture",
        endpoint=architecture.rolled_back, answer=AddedVersion, body=RollbackAsked, guarded=True, changes=True,
        refusals=(404, 409, 422, *CLOUD), summary="add the texts of an old version once more",
    ),
    Route(
        method="GET", path=f"{ARCHITECTURE}/versions", action="see_architecture", endpoint=architecture.listed,
        answer=VersionList, query=ByTime, refusals=(404, *CLOUD), summary="versions, the newest first",
    ),
    Route(
        method="GET", path=f"{ARCHITECTURE}/versions/<number:version>", action="see_architecture",
        endpoint=architecture.shown, answer=ArchitectureSeen, etag=True, refusals=CLOUD,
        summary="one version, with its texts",
    ),
    Route(
        method="GET", path=f"{ARCHITECTURE}/diff", action="see_architecture", endpoint=architecture.compared,
        answer=Differences, query=DiffAsked, refusals=(404, *CLOUD),
        summary="what one version changes of another: texts, services, resources",
    ),
    Route(
        method="GET", path="/v1/operations", action="see_operations", endpoint=operations.listed,
        answer=OperationList, query=OperationsAsked, summary="operations, the newest first",
    ),
    Route(
        method="GET", path=OPERATION, action="see_operations", endpoint=operations.shown, answer=Operation,
        summary="one operation, and what has become of each resource so far",
    ),
    Route(
        method="GET", path=f"{OPERATION}:wait", action="see_operations", endpoint=operations.waited_for,
        answer=Operation, query=WaitAsked, summary="one operation, when it is over or the time is",
    ),
    Route(
        method="POST", path=f"{OPERATION}:cancel", action="cancel", endpoint=operations.cancelled, answer=Operation,
        changes=True, summary="stop an operation after the resources it is at",
    ),
    Route(
        method="GET", path="/v1/events", action="see_events", endpoint=events.streamed, answer="text/event-stream",
        summary="what happens, as it happens; goes on after Last-Event-ID",
    ),
    Route(
        method="GET", path="/v1/audit", action="see_audit", endpoint=audit.read, answer=AuditPage, query=AuditAsked,
        summary="who changed what, the newest first",
    ),
)  # fmt: skip
