"""Policies and claims in memory, with Google's etags, and a hook before and after every effect."""

import copy
import itertools
import threading
from collections.abc import Callable, Collection, Container, Mapping
from typing import Any

from google.api_core.exceptions import Conflict, NotFound

from director import keys
from director.documents.model import Architecture
from director.iam.bindings import ACCOUNTS, PROJECTS, SECRETS, Grant
from director.iam.claims import Claimed, Edit
from director.iam.doors import Doors
from director.iam.iam import Iam
from director.iam.policies import Policy, unconditional
from director.iam.polling import Polling
from director.keys import Key
from director.retries import Retries

KINDS = (
    keys.TOPICS, keys.SUBSCRIPTIONS, keys.TABLES, keys.VIEWS, keys.BUCKETS, keys.SCHEMAS, keys.CLOUD_RUN_SERVICES,
    keys.CLOUD_RUN_JOBS, SECRETS, PROJECTS, ACCOUNTS,
)  # fmt: skip


class World:
    """Policies of `KINDS`. What is in `absent` does not exist. `strike` is told of every effect, before and after."""

    def __init__(self) -> None:
        self.policies: dict[Key, Policy] = {}
        self.claimed: dict[Key, Claimed] = {}
        self.absent: Container[Key] = ()
        self.strike: Callable[[str, Key, str], None] = lambda effect, resource, when: None
        self.etags = itertools.count(1)
        self.writes: list[Key] = []
        self.lock = threading.RLock()

    def iam(self, architecture: Architecture, workers: int = 1) -> Iam:
        doors = Doors({kind: MemoryDoor(self, kind) for kind in KINDS}, lambda project: "42")
        still = Polling(every=1.0, limit=0.0)
        retries = Retries(attempts=50, sleep=lambda seconds: None)
        return Iam(architecture, doors, MemoryClaims(self), retries, still, still, workers=workers)

    def live(self) -> set[tuple[Key, Grant]]:
        return {(key, grant) for key, policy in self.policies.items() for grant in unconditional(policy)}

    def put(self, resource: Key, *bindings: Mapping[str, Any]) -> None:
        self.policies[resource] = {"bindings": list(bindings), "etag": str(next(self.etags))}


class Unmade:
    """Of these resources, those that are not made yet: what is not among them is always there."""

    def __init__(self, resources: Collection[Key], things: Mapping[Key, Any]) -> None:
        self._resources = resources
        self._things = things

    def __contains__(self, key: object) -> bool:
        return key in self._resources and key not in self._things


class MemoryDoor:
    def __init__(self, world: World, kind: str) -> None:
        self._world = world
        self._kind = kind

    def get(self, name: str) -> Policy:
        if (self._kind, name) in self._world.absent:
            raise NotFound(f"no {self._kind} {name}")
        return copy.deepcopy(self._world.policies.get((self._kind, name), {"etag": "0"}))

    def put(self, name: str, policy: Policy) -> None:
        key = self._kind, name
        self._world.strike("put", key, "before")
        with self._world.lock:
            if policy["etag"] != self.get(name)["etag"]:
                raise Conflict("There were concurrent policy changes.")
            self._world.policies[key] = {**copy.deepcopy(dict(policy)), "etag": str(next(self._world.etags))}
            self._world.writes.append(key)
        self._world.strike("put", key, "after")


class MemoryClaims:
    def __init__(self, world: World) -> None:
        self._world = world

    def all(self) -> Mapping[Key, Claimed]:
        return dict(self._world.claimed)

    def change(self, resource: Key, edit: Edit) -> Claimed:
        self._world.strike("claim", resource, "before")
        with self._world.lock:
            new = edit(self._world.claimed.pop(resource, {}))
            if new:
                self._world.claimed[resource] = new
        self._world.strike("claim", resource, "after")
        return new
