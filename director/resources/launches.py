"""What a Dataflow job is launched with, and how it is told from what another was launched with. Pure.

Dataflow does not give back what it was told; so a launch leaves digests of it in the job's labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from google.cloud.dataflow_v1beta3.types import (
    FlexTemplateRuntimeEnvironment,
    LaunchFlexTemplateParameter,
    StreamingMode,
    WorkerIPAddressConfiguration,
)

from director.documents.specs.dataflow_jobs import DataflowJob
from director.provisioning.base import Context, Labels, Rule, Verdict, added
from director.provisioning.fingerprints import fingerprint
from director.resources.programs import account

PARTS = ("template", "parameters", "environment")
RUNNING = "running"
NEVER = "the document says update: never; let it say replace, or drain the job and apply again"
DIGEST = 32  # characters of one: a label's value has 63 at most

_ADDRESSES = {
    "public": WorkerIPAddressConfiguration.WORKER_IP_PUBLIC,
    "private": WorkerIPAddressConfiguration.WORKER_IP_PRIVATE,
}
_MODES = {
    "exactly-once": StreamingMode.STREAMING_MODE_EXACTLY_ONCE,
    "at-least-once": StreamingMode.STREAMING_MODE_AT_LEAST_ONCE,
}


def digest(value: Any) -> str:
    return fingerprint(value)[:DIGEST]


def as_launched(live: str, wanted: Any) -> Verdict | None:
    """The rule for what a job has from its launch: live is a digest."""
    return None if live == digest(wanted) else Verdict("update", "is not what it was launched with")


def never(rule: Rule) -> Rule:
    """The same rule where the job may not be updated."""

    def refusing(live: Any, wanted: Any) -> Verdict | None:
        verdict = rule(live, wanted)
        return verdict and Verdict("refuse", f"{verdict.reason}; {NEVER}")

    return refusing


def unseen(live: Any, wanted: Any) -> Verdict | None:
    """The rule for what only this document knows."""
    return None


@dataclass(frozen=True, slots=True)
class State:
    """`template`, `parameters` and `environment` are digests where they are live."""

    template: Annotated[str, as_launched]
    parameters: Annotated[Mapping[str, str] | str, as_launched]
    environment: Annotated[Any, as_launched]
    labels: Labels = field(default_factory=dict)
    state: str = RUNNING
    mapping: Annotated[Mapping[str, str], unseen] = field(default_factory=dict)
    on_delete: Annotated[str, unseen] = "drain"


@dataclass(frozen=True, slots=True)
class Unchanging(State):
    """Of a document that wants no updates."""

    template: Annotated[str, never(as_launched)]
    parameters: Annotated[Mapping[str, str] | str, never(as_launched)]
    environment: Annotated[Any, never(as_launched)]
    labels: Annotated[Mapping[str, str], never(added)] = field(default_factory=dict)


def environment(context: Context, spec: DataflowJob) -> dict[str, Any]:
    """All that a launch is told beside template, parameters and labels; what is not said is not in it."""
    said = {
        "service_account_email": account(context, spec),
        "num_workers": spec.num_workers,
        "max_workers": spec.max_workers,
        "machine_type": spec.machine_type,
        "disk_size_gb": spec.disk_size_gb,
        "network": spec.network,
        "subnetwork": spec.subnetwork,
        "ip_configuration": spec.ip_configuration,
        "temp_location": spec.temp_location,
        "staging_location": spec.staging_location,
        "kms_key_name": spec.kms_key_name,
        "enable_streaming_engine": spec.streaming_engine,
        "streaming_mode": spec.streaming_mode,
        "launcher_machine_type": spec.launcher_machine_type,
        "additional_experiments": spec.additional_experiments or None,
    }
    return {name: value for name, value in said.items() if value is not None} | {"launch_options": spec.launch_options}


def launch(name: str, state: State, replaced: Mapping[str, str] | None) -> Any:
    """The message that launches a job; or, with the labels of the one that runs, updates that."""
    return LaunchFlexTemplateParameter(
        job_name=name,
        container_spec_gcs_path=state.template,
        parameters=state.parameters,
        launch_options=state.environment["launch_options"],
        environment=_message(state, _of_others(replaced or {})),
        update=replaced is not None,
        transform_name_mappings=state.mapping if replaced is not None else {},
    )


def launched(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The digests that a launch left, part by part."""
    return tuple(labels.get(f"launched-{part}", "") for part in PARTS)


def _of_others(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels that people gave a job stay; Dataflow's own come with every launch."""
    return {key: value for key, value in labels.items() if not key.startswith(("goog", "launched-"))}


def _message(state: State, others: Mapping[str, str]) -> Any:
    said = {name: value for name, value in state.environment.items() if name != "launch_options"}
    if "ip_configuration" in said:
        said["ip_configuration"] = _ADDRESSES[said["ip_configuration"]]
    if "streaming_mode" in said:
        said["streaming_mode"] = _MODES[said["streaming_mode"]]
    digests = {f"launched-{part}": digest(getattr(state, part)) for part in PARTS}
    return FlexTemplateRuntimeEnvironment(**said, additional_user_labels={**others, **state.labels, **digests})
