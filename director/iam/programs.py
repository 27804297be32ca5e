"""What the programs that Google runs for us need beyond their links: secrets, workers' rights, each other. Pure."""

from collections.abc import Callable, Iterator

from director import keys
from director.documents.specs.programs import Program
from director.documents.specs.run import CloudRunJob, CloudRunService
from director.documents.suffixes import unsuffixed
from director.iam import roles
from director.iam.bindings import SECRETS, Binding
from director.iam.scope import Scope
from director.keys import Key
from director.resources.programs import account


def _secret_variables(scope: Scope) -> Iterator[Binding]:
    """Whoever runs it reads the secret, when an instance starts."""
    for service, spec in scope.dataflow.services.items():
        for variable in spec.deployment.secret_environment_vars if spec.deployment else ():
            secret = _secret(scope, variable.value_from)
            yield scope.of_service(service, secret, roles.SECRET_ACCESSOR, f"reads it as its variable {variable.name}")
    resources = scope.dataflow.resources
    programs: tuple[CloudRunService | CloudRunJob, ...] = (*resources.cloud_run_services, *resources.cloud_run_jobs)
    for program in programs:
        for name, written in program.secret_env.items():
            reason = f"{scope.name}'s {program.name} on Cloud Run reads it as its variable {name}"
            yield scope.of_member(_runs_as(scope, program), _secret(scope, written), roles.SECRET_ACCESSOR, reason)


def _workers(scope: Scope) -> Iterator[Binding]:
    """https://cloud.google.com/dataflow/docs/concepts/security-and-permissions#worker-service-account"""
    buckets = {bucket.name for bucket in scope.dataflow.resources.gcs_buckets}
    for job in scope.dataflow.resources.dataflow_jobs:
        member, whose = _runs_as(scope, job), f"{scope.name}'s Dataflow job {job.name}"
        reason = f"workers of {whose} take work from Dataflow, which knows no smaller place than the project"
        yield scope.of_member(member, scope.on_project(), roles.DATAFLOW_WORKER, reason)
        for bucket, folder in job.folders:
            if bucket in buckets:
                reason = f"{whose} writes, reads and deletes files of its own in {folder}"
                yield scope.of_member(member, keys.bucket(bucket), roles.OBJECT_USER, reason)


def _dependencies(scope: Scope) -> Iterator[Binding]:
    """A service may call what it depends on, where both are on Cloud Run."""
    for service, spec in scope.dataflow.services.items():
        for needed in spec.dependencies:
            for called in _running(scope, needed):
                for calling in _running(scope, service):
                    reason = f"{scope.name}/{service} depends on {needed}, and calls it"
                    member = _runs_as(scope, calling)
                    yield scope.of_member(member, _key(scope, called), roles.RUN_INVOKER, reason)


def _scheduled_calls(scope: Scope) -> Iterator[Binding]:
    for job in scope.dataflow.resources.cloud_scheduler_jobs:
        for called in _running(scope, job.target_service) if job.target_service else ():
            reason = f"{scope.name}'s scheduler job {job.name} calls {job.target_service}"
            yield scope.of_member(scope.member(job.caller), _key(scope, called), roles.RUN_INVOKER, reason)


def _running(scope: Scope, service: str) -> list[CloudRunService]:
    """What runs a service of the dataflow on Cloud Run: it says so, or has its name."""
    suffix = scope.architecture.name_suffix
    services = scope.dataflow.resources.cloud_run_services
    return [each for each in services if service == (each.service or unsuffixed(each.name, suffix))]


def _runs_as(scope: Scope, program: Program) -> str:
    return scope.member(account(scope.context, program))


def _key(scope: Scope, spec: CloudRunService) -> Key:
    return keys.cloud_run_service(scope.project, spec.location or scope.architecture.region, spec.name)


def _secret(scope: Scope, written: str) -> Key:
    """A secret of this project by its name, or any by its full name; a version has no policy."""
    name = written.partition("/versions/")[0]
    return (SECRETS, name) if "/" in name else keys.secret(scope.project, name)


RULES: tuple[Callable[[Scope], Iterator[Binding]], ...] = (_secret_variables, _workers, _dependencies, _scheduled_calls)
