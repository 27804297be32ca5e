"""An architecture under other names, so that two of its environments can be in one project: `name_suffix`. Pure.

Every resource is renamed where it is declared and wherever the document refers to it: `readings` becomes
`readings-test`, the dataset `telemetry` becomes `telemetry_test` with the tables in it under their own names. A
reference that was forgotten here leads nowhere afterwards, and is refused as such.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from director import keys
from director.addressing import RETRY_TO
from director.documents.access import POLICY
from director.documents.drafts import Draft, resources
from director.documents.kinds import kinds
from director.documents.manager import default_name
from director.positions import Tree
from director.strict import Source

KEY, MANAGER = "name_suffix", "service_manager_spec"
UNDERSCORED = (keys.DATASETS,)
WITHIN_OTHERS = (keys.TABLES, keys.VIEWS, keys.INDEXES, keys.TTLS)  # what these belong to is renamed
REFERENCES = {
    "topic": keys.TOPICS,
    "invalidation_topic": keys.TOPICS,
    "schema": keys.SCHEMAS,
    "dataset": keys.DATASETS,
    "bucket": keys.BUCKETS,
    "collection": keys.COLLECTIONS,
    "database": keys.DATABASES,
    "channels": keys.CHANNELS,
    "value_from": keys.SECRETS,
    "service_account": keys.SERVICE_ACCOUNTS,
}
OF_THE_MANAGER = {
    "command_topic": keys.TOPICS,
    "completion_topic": keys.TOPICS,
    "dead_letter_topic": keys.TOPICS,
    "command_subscription": keys.SUBSCRIPTIONS,
}
FREE = frozenset(
    (
        "config", "metadata", "labels", "attributes", "headers", "env", "environment_vars", "parameters", "conditions",
    )
)  # fmt: skip
FOLDERS = frozenset(("temp_location", "staging_location"))
_SECRET = re.compile(r"^(projects/[^/]+/secrets/)([^/]+)")
_ADDRESS = re.compile(rf'("{re.escape(RETRY_TO)}"\s*(?:,|=|!=)\s*)"([^"/]+)/([^"/]*)"')


def suffixed(source: Source) -> Source:
    """The document with its suffix on every name; as it is without one."""
    whole = Draft(source.data if isinstance(source.data, dict) else {})
    suffix = whole.text(KEY)
    if not suffix:
        return source
    names = _Names(suffix, {kind: _declared(whole, kind) for kind in kinds()}, _tables(whole))
    data = dict(whole.data)
    if isinstance(data.get("name"), str):
        data["name"] = f"{data['name']}-{suffix}"
    if "dataflows" in data:
        data["dataflows"] = _each(names.dataflow, data["dataflows"])
    if isinstance(data.get(MANAGER), dict):
        data[MANAGER] = names.manager(data[MANAGER])
    return Source(source.name, Tree(data, source.tree.values, source.tree.keys), source.grafts)


def unsuffixed(name: str, suffix: str | None, kind: str = "") -> str:
    """The name as the document has it, of a kind whose names end in `-suffix` unless another is said."""
    return name.removesuffix(_ending(kind, suffix)) if suffix and kind not in WITHIN_OTHERS else name


def _ending(kind: str, suffix: str) -> str:
    return f"{'_' if kind in UNDERSCORED else '-'}{suffix}"


def _each(renamed: Callable[[Any], Any], named: Any) -> Any:
    """What stands under names that people chose: these are no keys of the document's language."""
    return {name: renamed(one) for name, one in named.items()} if isinstance(named, dict) else named


class _Names:
    """The other names. `declared` are those of every kind, `tables` the tables and views of every dataset."""

    def __init__(self, suffix: str, declared: Mapping[str, frozenset[str]], tables: Mapping[str, set[str]]) -> None:
        self._suffix = suffix
        self._declared = declared
        self._tables = tables

    def dataflow(self, flow: Any) -> Any:
        if not isinstance(flow, dict):
            return flow
        return {
            key: _each(self.inside, part) if key == "services" else self._part(key, part, "")
            for key, part in flow.items()
        }

    def inside(self, value: Any, key: str = "") -> Any:
        """A part of the document, which stands under `key`."""
        if isinstance(value, dict):
            if key == POLICY and value.get("type") == "service-account":
                return value | {"name": self._known(keys.SERVICE_ACCOUNTS, value.get("name"))}
            return {inner: self._part(inner, part, key) for inner, part in value.items()}
        if isinstance(value, list):
            return [self.inside(one, key) for one in value]
        return self._referred(value, key)

    def manager(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The director's own part: its subscription, where it goes without saying, is called as the document does."""
        topic = Draft(spec).inner("command_topic").text("name")
        said = {"command_subscription": {"name": default_name(topic)}} if topic else {}
        return {key: self._of_manager(key, part) for key, part in (said | spec).items()}

    def _of_manager(self, key: str, part: Any) -> Any:
        if key in OF_THE_MANAGER and isinstance(part, dict) and isinstance(part.get("name"), str):
            return part | {"name": self._known(OF_THE_MANAGER[key], part["name"])}
        return self._referred(part, key)

    def _part(self, key: str, part: Any, within: str) -> Any:
        if key in FREE:
            return part
        if key == "secret_env":
            return _each(self._secret, part)
        if key in self._declared and isinstance(part, list) and within == "resources":
            return [self._resource(key, one) for one in part]
        return self.inside(part, key)

    def _resource(self, kind: str, resource: Any) -> Any:
        if kind == keys.SCHEDULER_JOBS:
            resource = _with_caller(resource)
        renamed = self.inside(resource, kind)
        name = resource.get("name") if isinstance(resource, dict) else None
        if not isinstance(name, str) or kind in WITHIN_OTHERS:
            return renamed
        return renamed | {"name": self._known(kind, name)}

    def _referred(self, value: Any, key: str) -> Any:
        if not isinstance(value, str):
            return value
        if key in ("query", "filter"):
            return self._query(value) if key == "query" else self._addressed(value)
        if key in FOLDERS:
            return self._folder(value)
        if key == "table":
            dataset, dot, table = value.rpartition(".")
            return f"{self._known(keys.DATASETS, dataset)}{dot}{table}"
        return self._known(REFERENCES[key], value) if key in REFERENCES else value

    def _known(self, kind: str, name: Any) -> Any:
        known = isinstance(name, str) and name in self._declared.get(kind, ())
        return self._other(kind, name) if known else name

    def _other(self, kind: str, name: str) -> str:
        if kind == keys.DATABASES and name == keys.DEFAULT_DATABASE:
            return name
        return f"{name}{_ending(kind, self._suffix)}"

    def _secret(self, named: Any) -> Any:
        """`projects/P/secrets/NAME`, perhaps with a version."""
        if not isinstance(named, str):
            return named
        return _SECRET.sub(lambda found: f"{found[1]}{self._known(keys.SECRETS, found[2])}", named)

    def _folder(self, place: str) -> str:
        """`gs://bucket/folder`."""
        bucket, slash, folder = place.removeprefix("gs://").partition("/")
        return f"gs://{self._known(keys.BUCKETS, bucket)}{slash}{folder}" if place.startswith("gs://") else place

    def _addressed(self, text: str) -> str:
        """A filter by whom a message is for, see `director.addressing`: "topic/" or "topic/subscription"."""

        def other(found: re.Match[str]) -> str:
            asked, topic, subscription = found.groups()
            return f'{asked}"{self._known(keys.TOPICS, topic)}/{self._known(keys.SUBSCRIPTIONS, subscription)}"'

        return _ADDRESS.sub(other, text)

    def _query(self, query: str) -> str:
        """All at once: what one dataset is called now may be what another was called."""
        named = [
            rf"{re.escape(dataset)}(?=`?\.`?{re.escape(table)}(?![\w-]))"
            for dataset in sorted(self._declared[keys.DATASETS])
            for table in sorted(self._tables.get(dataset, ()))
        ]
        if not named:
            return query
        return re.sub(rf"(?<![\w-])({'|'.join(named)})", lambda found: self._other(keys.DATASETS, found[0]), query)


def _declared(whole: Draft, kind: str) -> frozenset[str]:
    """Secrets that are not made here are somebody else's, under the names they have; services' accounts are ours."""
    flows = whole.children("dataflows").values()
    found = (one for flow in flows for one in resources(flow, kind))
    names = [one.text("name") for one in found if kind != keys.SECRETS or one.data.get("create") is True]
    if kind == keys.SERVICE_ACCOUNTS:
        names += [one.text("service_account") for flow in flows for one in flow.children("services").values()]
    return frozenset(name for name in names if name)


def _with_caller(job: Any) -> Any:
    """A scheduler job with the account that goes without saying."""
    if not isinstance(job, dict) or not job.get("target_service"):
        return job
    return {"service_account": f"{job.get('name')}-sa"} | job


def _tables(whole: Draft) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for flow in whole.children("dataflows").values():
        for kind in (keys.TABLES, keys.VIEWS):
            for table in resources(flow, kind):
                found.setdefault(table.text("dataset") or "", set()).add(table.text("name") or "")
    return found
