"""Lists of many resources say the same as asking for each."""

from dataclasses import replace
from types import ModuleType

import pytest

from director import keys
from director.documents.loading import Blueprint
from director.provisioning.base import Surveyor
from director.provisioning.clients import Clients
from director.resources import subscriptions, topics
from director.resources.catalogue import providers, wanted
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


@pytest.mark.parametrize(("kind", "module"), [(keys.TOPICS, topics), (keys.SUBSCRIPTIONS, subscriptions)])
@pytest.mark.parametrize("page", [1, 1_000])
def test_a_list_of_any_number_of_pages_is_as_each_is_observed(
    clients: Clients,
    blueprint: Blueprint,
    cloud: LocalCloud,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    module: ModuleType,
    page: int,
) -> None:
    monkeypatch.setattr(module, "PAGE", page)
    found = providers(clients, blueprint)
    resources = [one for one in wanted(blueprint, "air") if one.kind in (keys.TOPICS, keys.SUBSCRIPTIONS)]
    for one in resources:
        found[one.kind].create(one)
    first = next(one for one in resources if one.kind == kind)
    more = [replace(first, full_name=f"{first.full_name}-{number}") for number in range(3)]
    for one in more:
        found[kind].create(one)
    absent = replace(first, full_name=f"{first.full_name}-absent")
    provider = found[kind]
    assert isinstance(provider, Surveyor)
    calls = len(cloud.faults.log)
    cloud.faults.add(Fault(method="pubsub.List*", action="delay", seconds=0.0))
    listed = provider.survey([first, *more[:2], absent])
    assert listed == {one.full_name: provider.observe(one) for one in (first, *more[:2])}
    assert (len(cloud.faults.log) - calls == 1) is (page == 1_000)
