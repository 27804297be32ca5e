"""The accesses that resources declare, and the names that things repeat: checked on what was written. Pure."""

from collections.abc import Iterator

from director import keys
from director.documents.drafts import Draft, resources
from director.documents.kinds import Finding, kinds
from director.strict import similar

POLICY = "iam_access_policy"
WITH_POLICIES = frozenset(
    {
        keys.SCHEMAS, keys.TOPICS, keys.SUBSCRIPTIONS, keys.TABLES, keys.VIEWS, keys.BUCKETS, keys.SECRETS,
        keys.SERVICE_ACCOUNTS, keys.CLOUD_RUN_SERVICES, keys.CLOUD_RUN_JOBS,
    }
)  # fmt: skip


def findings(architecture: Draft) -> Iterator[Finding]:
    """Every access that cannot be given, and every name that is not the key it stands under."""
    project = architecture.text("project_id") or ""
    for name, dataflow in architecture.children("dataflows").items():
        yield from _named_otherwise(name, dataflow)
        for service, draft in dataflow.children("services").items():
            yield from _named_otherwise(service, draft)
        for kind in kinds():
            for resource in resources(dataflow, kind):
                yield from _of_resource(kind, resource, dataflow, project)


def _named_otherwise(key: str, draft: Draft) -> Iterator[Finding]:
    name = draft.text("name")
    if name is not None and name != key:
        yield (*draft.location, "name"), f"is '{name}', but stands under '{key}'; leave it out, or write the same"


def _of_resource(kind: str, resource: Draft, dataflow: Draft, project: str) -> Iterator[Finding]:
    if resource.data.get(POLICY) and kind not in WITH_POLICIES:
        advice = f"grant the role by a link, or on one of {', '.join(sorted(WITH_POLICIES))}"
        message = f"{kind} have no policies of their own; {advice}"
        yield (*resource.location, POLICY), message
        return
    services = dataflow.inner("services").data
    for access in resource.items(POLICY):
        name, role = access.text("name"), access.text("role") or ""
        if access.data.get("type", "service") == "service" and name is not None and name not in services:
            advice = similar(name, services)
            yield (*access.location, "name"), f"no service '{name}' here; {advice}; or add type: service-account"
        if role.startswith("projects/") and not role.startswith(f"projects/{project}/"):
            yield (*access.location, "role"), f"is a role of another project than '{project}', which Google refuses"
