"""Cloud Run's protobuf classes, and the conditions by which it says how things are."""

from typing import Any

from google.cloud.run_v2.types import condition, execution, job, k8s_min, revision, service, traffic_target

from localcloud.rpc import pb

Service = pb(service.Service)
CreateServiceRequest = pb(service.CreateServiceRequest)
GetServiceRequest = pb(service.GetServiceRequest)
ListServicesRequest = pb(service.ListServicesRequest)
ListServicesResponse = pb(service.ListServicesResponse)
UpdateServiceRequest = pb(service.UpdateServiceRequest)
DeleteServiceRequest = pb(service.DeleteServiceRequest)

Revision = pb(revision.Revision)
GetRevisionRequest = pb(revision.GetRevisionRequest)
ListRevisionsRequest = pb(revision.ListRevisionsRequest)
ListRevisionsResponse = pb(revision.ListRevisionsResponse)
DeleteRevisionRequest = pb(revision.DeleteRevisionRequest)

Job = pb(job.Job)
ExecutionReference = pb(job.ExecutionReference)
CreateJobRequest = pb(job.CreateJobRequest)
GetJobRequest = pb(job.GetJobRequest)
ListJobsRequest = pb(job.ListJobsRequest)
ListJobsResponse = pb(job.ListJobsResponse)
UpdateJobRequest = pb(job.UpdateJobRequest)
DeleteJobRequest = pb(job.DeleteJobRequest)
RunJobRequest = pb(job.RunJobRequest)

Execution = pb(execution.Execution)
GetExecutionRequest = pb(execution.GetExecutionRequest)
ListExecutionsRequest = pb(execution.ListExecutionsRequest)
ListExecutionsResponse = pb(execution.ListExecutionsResponse)
DeleteExecutionRequest = pb(execution.DeleteExecutionRequest)
CancelExecutionRequest = pb(execution.CancelExecutionRequest)

Condition = pb(condition.Condition)
ContainerPort = pb(k8s_min.ContainerPort)
TrafficTarget = pb(traffic_target.TrafficTarget)
TrafficTargetStatus = pb(traffic_target.TrafficTargetStatus)

LATEST = traffic_target.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
BY_NAME = traffic_target.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION

RECONCILING, SUCCEEDED, FAILED = (
    Condition.CONDITION_RECONCILING,
    Condition.CONDITION_SUCCEEDED,
    Condition.CONDITION_FAILED,
)
NOT_HEALTHY = {"revision_reason": Condition.HEALTH_CHECK_CONTAINER_ERROR}
REVISION_FAILED = {"reason": Condition.REVISION_FAILED}


def condition_of(kind: str, state: int, now: int, message: str = "", **reason: int) -> Any:
    """`now` in nanoseconds since 1970."""
    found = Condition(type_=kind, state=state, message=message, **reason)
    found.last_transition_time.FromNanoseconds(now)
    return found
