"""Cloud Scheduler's messages, as protobuf classes."""

from google.cloud.scheduler_v1.types import cloudscheduler, job, target

from localcloud.rpc import pb

Job = pb(job.Job)
State = job.Job.State
HttpMethod = target.HttpMethod

CreateJobRequest = pb(cloudscheduler.CreateJobRequest)
DeleteJobRequest = pb(cloudscheduler.DeleteJobRequest)
GetJobRequest = pb(cloudscheduler.GetJobRequest)
ListJobsRequest = pb(cloudscheduler.ListJobsRequest)
ListJobsResponse = pb(cloudscheduler.ListJobsResponse)
PauseJobRequest = pb(cloudscheduler.PauseJobRequest)
ResumeJobRequest = pb(cloudscheduler.ResumeJobRequest)
RunJobRequest = pb(cloudscheduler.RunJobRequest)
UpdateJobRequest = pb(cloudscheduler.UpdateJobRequest)
