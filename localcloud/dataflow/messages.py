"""Dataflow's protobuf classes, and its states of jobs by what may follow."""

from google.cloud.dataflow_v1beta3 import types

from localcloud.rpc import pb

Job = pb(types.Job)
JobState = types.JobState
JobView = types.JobView
LaunchFlexTemplateRequest = pb(types.LaunchFlexTemplateRequest)
LaunchFlexTemplateResponse = pb(types.LaunchFlexTemplateResponse)
GetJobRequest = pb(types.GetJobRequest)
ListJobsRequest = pb(types.ListJobsRequest)
ListJobsResponse = pb(types.ListJobsResponse)
UpdateJobRequest = pb(types.UpdateJobRequest)
JobMessage = pb(types.JobMessage)
ListJobMessagesRequest = pb(types.ListJobMessagesRequest)
ListJobMessagesResponse = pb(types.ListJobMessagesResponse)

ERROR = int(types.JobMessageImportance.JOB_MESSAGE_ERROR)
QUEUED, RUNNING = int(JobState.JOB_STATE_QUEUED), int(JobState.JOB_STATE_RUNNING)
DRAINING, DRAINED = int(JobState.JOB_STATE_DRAINING), int(JobState.JOB_STATE_DRAINED)
CANCELLING, CANCELLED = int(JobState.JOB_STATE_CANCELLING), int(JobState.JOB_STATE_CANCELLED)
UPDATED, DONE, FAILED = int(JobState.JOB_STATE_UPDATED), int(JobState.JOB_STATE_DONE), int(JobState.JOB_STATE_FAILED)
TERMINAL = frozenset({DRAINED, CANCELLED, UPDATED, DONE, FAILED})
