"""Secret Manager secrets: that they are there, and have a version to read. Values are neither read nor written here.

A secret that the document only refers to is looked at and never changed. One with `create` is made, empty and with our
labels; its value comes from people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from google.api_core.exceptions import FailedPrecondition, NotFound
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport
from google.cloud.secretmanager_v1.types import Secret as Config
from google.cloud.secretmanager_v1.types import SecretVersion

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.secrets import Secret
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Verdict,
    Wanted,
    fixed,
    mutable,
    owner_in,
)
from director.provisioning.clients import Clients

PAGE = 1_000
ENABLED, DESTROYED = SecretVersion.State.ENABLED.name, SecretVersion.State.DESTROYED
NONE = "not there"
ANEW = "use another name, or move the value and delete the secret"


@dataclass(frozen=True, slots=True)
class Version:
    """A version that somebody is to read. People add one: `gcloud secrets versions add`."""

    name: str
    state: str = ENABLED
    awaited: bool = False  # of a secret that we make, it comes after the secret


@dataclass(frozen=True, slots=True)
class Rotation:
    """`period` is None where nothing is reminded of by time."""

    pubsub_topic: str
    period: timedelta | None

    def __str__(self) -> str:
        every = f" every {self.period}" if self.period else ""
        return f"on {self.pubsub_topic}{every}"


def referred(live: bool, wanted: bool) -> Verdict | None:
    if live or not wanted:
        return None
    return Verdict("refuse", "is only referred to here, and is not there; make it, or say create: true")


def readable(live: Version | None, wanted: Version | None) -> Verdict | None:
    """Of a secret that we make, an apply says that the value is missing, and does all the rest."""
    if wanted is None or (live is not None and live.state == ENABLED):
        return None
    state = live.state if live else NONE
    advice = "add one with gcloud secrets versions add" if state == NONE else "enable it, or name another"
    return Verdict("update" if wanted.awaited else "refuse", f"version {wanted.name} is {state}; {advice}")


def lasting(live: timedelta | None, wanted: timedelta | None) -> Verdict | None:
    """The rule for a lifetime, to the minute: Secret Manager keeps the moment of expiry, reckoned when it hears it."""
    near = live is not None and wanted is not None and abs(live - wanted) <= timedelta(minutes=1)
    return None if near else mutable(live, wanted)


@dataclass(frozen=True, slots=True)
class State:
    """`ours` is one with `create`; of any other the rest is as it is. No `locations` are automatic ones."""

    ours: Annotated[bool, lambda live, wanted: None] = False
    there: Annotated[bool, referred] = True
    version: Annotated[Version | None, readable] = None
    locations: Annotated[tuple[str, ...], fixed(ANEW)] = ()
    ttl: Annotated[timedelta | None, lasting] = None
    rotation: Annotated[Rotation | None, mutable] = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Secret) -> Wanted[State]:
    turned = spec.rotation
    told = keys.topic(context.project, turned.topic) if turned else None
    state = State(
        ours=spec.create,
        version=None if spec.version is None else Version(str(spec.version), awaited=spec.create),
        locations=tuple(sorted(spec.locations)),
        ttl=spec.ttl,
        rotation=Rotation(told[1], turned.period) if turned and told else None,
        labels=context.labels(spec.labels) if spec.create else {},
    )
    return Wanted(
        *keys.secret(context.project, spec.name),
        state,
        context.owner if spec.create else None,
        needs=(told,) if told else (),
        services=context.services(spec),
    )


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    transport = SecretManagerServiceGrpcTransport(channel=clients.channel("secretmanager"))
    return Secrets(SecretManagerServiceClient(transport=transport))


class Secrets:
    """Secrets through Google's client; updates carry the etag of what was observed."""

    def __init__(self, client: SecretManagerServiceClient) -> None:
        self._client: Any = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_secret(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            found = None
        return self._observed(wanted, found)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        """One list of secrets, and a look at each version that is asked for."""
        found: dict[str, Observed[State]] = {}
        for project in {_project(one) for one in wanted}:
            request = {"parent": project, "page_size": PAGE}
            listed = self._client.list_secrets(request=request, retry=None, timeout=CALL_TIMEOUT)
            secrets = {_short(each.name): each for each in listed}  # their names have the project's number
            for one in wanted:
                if _project(one) == project:
                    observed = self._observed(one, secrets.get(_short(one.full_name)))
                    found |= {one.full_name: observed} if observed else {}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        parent, _, name = wanted.full_name.rpartition("/secrets/")
        secret = _filled(wanted.state, dict(wanted.state.labels), _now())
        if wanted.state.locations:
            replicas = [{"location": location} for location in wanted.state.locations]
            secret.replication = {"user_managed": {"replicas": replicas}}
        else:
            secret.replication = {"automatic": {}}
        if wanted.state.ttl:
            secret.ttl = wanted.state.ttl
        request = {"parent": parent, "secret_id": name, "secret": secret}
        self._client.create_secret(request=request, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        """Raises FailedPrecondition for a version, which people add."""
        live = observed.handle
        mask = [path for name in sorted(fields & set(_MASK)) for path in _MASK[name]]
        if mask:
            secret = _filled(wanted.state, {**dict(live.labels), **wanted.state.labels}, _now())
            secret.name, secret.etag = wanted.full_name, live.etag
            if wanted.state.ttl:
                secret.expire_time = live.create_time + wanted.state.ttl
            request = {"secret": secret, "update_mask": {"paths": mask}}
            self._client.update_secret(request=request, retry=None, timeout=CALL_TIMEOUT)
        verdict = readable(observed.state.version, wanted.state.version)
        if verdict:
            raise FailedPrecondition(f"{wanted.full_name}: {verdict.reason}")

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Versions that are not destroyed; of a secret that is only referred to, all of it is another's."""
        if not wanted.state.ours:
            return Holding("a secret that is only referred to here", others=True)
        request = {"parent": wanted.full_name, "page_size": PAGE}
        versions = self._client.list_secret_versions(request=request, retry=None, timeout=CALL_TIMEOUT)
        return Holding("its value") if any(each.state != DESTROYED for each in versions) else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """With all its versions. Raises FailedPrecondition for one that is only referred to."""
        if not wanted.state.ours:
            raise FailedPrecondition(f"{wanted.full_name} is only referred to here, and never deleted")
        found = self._client.get_secret(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        request = {"name": wanted.full_name, "etag": found.etag}
        self._client.delete_secret(request=request, retry=None, timeout=CALL_TIMEOUT)

    def _observed(self, wanted: Wanted[State], found: Any) -> Observed[State] | None:
        state = wanted.state
        if found is None:
            return None if state.ours else Observed(State(there=False, version=state.version), None)
        version = self._version(wanted.full_name, state.version.name) if state.version else None
        if not state.ours:
            return Observed(State(version=version), None)
        live = State(
            ours=True,
            version=version,
            locations=tuple(sorted(each.location for each in found.replication.user_managed.replicas)),
            ttl=_lifetime(found),
            rotation=_rotation(found, state.rotation),
            labels=dict(found.labels),
        )
        return Observed(live, owner_in(live.labels), found)

    def _version(self, secret: str, name: str) -> Version | None:
        full_name = f"{secret}/versions/{name}"
        try:
            found = self._client.get_secret_version(name=full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        return Version(name, found.state.name)


_MASK = {"ttl": ("expire_time",), "rotation": ("topics", "rotation"), "labels": ("labels",)}


def _filled(state: State, labels: dict[str, str], now: datetime) -> Any:
    secret = Config(labels=labels)
    if state.rotation:
        secret.topics = [{"name": state.rotation.pubsub_topic}]
        if state.rotation.period:
            period = state.rotation.period
            secret.rotation = {"rotation_period": period, "next_rotation_time": now + period}
    return secret


def _lifetime(found: Any) -> timedelta | None:
    """From creation to expiry in whole minutes: Secret Manager keeps the moment of expiry."""
    if not found.expire_time:
        return None
    return timedelta(minutes=round((found.expire_time - found.create_time) / timedelta(minutes=1)))


def _rotation(found: Any, wanted: Rotation | None) -> Rotation | None:
    """Several topics are one that nobody wants. The period is not always told: then the wanted one is believed."""
    topics = [topic.name for topic in found.topics]
    if not topics:
        return None
    turning = bool(found.rotation.next_rotation_time)
    period = found.rotation.rotation_period or (wanted.period if wanted and turning else None)
    return Rotation(", ".join(topics), period or None)


def _project(wanted: Wanted[State]) -> str:
    return wanted.full_name.rpartition("/secrets/")[0]


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _now() -> datetime:
    return datetime.now(UTC)
