"""Accesses that resources declare, the fields of older documents, and the names that they repeat."""

from typing import Any

import pytest

from director.documents.access import WITH_POLICIES
from director.documents.kinds import kinds
from director.documents.loading import load_texts
from director.strict import DocumentError

DOCUMENT = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air:
    name: air
    services:
      bridge:
        name: bridge
        description: Brings messages in.
        service_account: bridge-sa
        metadata: {team: air, tier: "1"}
        health_check: {port: 8080, path: /readyz}
        deployment:
          platform: cloud-run
          source_path: services/bridge
          buildable_module_path: cmd/bridge
          image: europe-docker.pkg.dev/p/r/bridge:1
          region: europe-west4
          cpu: 2
          memory: 1Gi
          min_instances: 1
          max_instances: 3
          environment_vars: {LOG_LEVEL: debug}
          secret_environment_vars: [{name: MQTT_PASSWORD, value_from: mqtt}]
    resources:
      topics:
        - name: readings
          message_retention_duration: 7d
          iam_access_policy:
            - {name: bridge, role: roles/pubsub.viewer, type: service}
            - {name: other-sa, role: projects/plant-project/roles/reads, type: service-account}
            - {name: far-sa@far-project.iam.gserviceaccount.com, role: roles/pubsub.publisher, type: service-account}
      firestore_collections: [{name: devices}]
"""


def loaded(document: str) -> Any:
    return load_texts({"hub.yaml": document}, "hub.yaml").architecture.dataflows["air"]


def problem(old: str, new: str) -> str:
    assert old in DOCUMENT
    with pytest.raises(DocumentError) as caught:
        loaded(DOCUMENT.replace(old, new))
    (found,) = caught.value.problems
    return str(found)


def test_older_documents_load_as_they_are() -> None:
    service = loaded(DOCUMENT).services["bridge"]
    assert (service.metadata, service.health_check.port) == ({"team": "air", "tier": "1"}, 8080)
    assert (service.deployment.cpu, service.deployment.memory) == ("2", "1Gi")
    assert service.deployment.secret_environment_vars[0].value_from == "mqtt"


@pytest.mark.parametrize(
    ("cpu", "expected"), [("1", "1"), ("0.5", "0.5"), ("'2'", "2"), ("500m", "500m"), ("4.0", "4")]
)
def test_processors_are_written_as_a_number_or_in_thousandths(cpu: str, expected: str) -> None:
    assert loaded(DOCUMENT.replace("cpu: 2", f"cpu: {cpu}")).services["bridge"].deployment.cpu == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    name: air\n    services", "    name: water\n    services", "is 'water', but stands under 'air'"),
        ("        name: bridge\n", "        name: brigde\n", "is 'brigde', but stands under 'bridge'"),
        ("port: 8080", "port: 0", "health_check.port: is 0"),
        ("path: /readyz", "path: readyz", "health_check.path: "),
        ("cpu: 2", "cpu: two", "'two' is no number of processors; write 1, 0.5 or 500m"),
        ("cpu: 2", "cpu: 0", "'0' is no number of processors"),
        ("memory: 1Gi", "memory: 1GB", 'deployment.memory: is "1GB"'),
        ("max_instances: 3", "max_instances: 0", "max_instances: is 0"),
        ("min_instances: 1", "min_instances: 9", "min_instances is above max_instances; swap them"),
        ("region: europe-west4", "region: mars", "unknown region 'mars'"),
        ("{LOG_LEVEL: debug}", "{LOG-LEVEL: debug}", "'LOG-LEVEL' is no variable name"),
        ("{LOG_LEVEL: debug}", "{LOG_LEVEL: 1}", "LOG_LEVEL: is 1; write text"),
        ("{LOG_LEVEL: debug}", "{MQTT_PASSWORD: hunter2}", "MQTT_PASSWORD"),
        ("value_from: mqtt", "value_from: 'a secret!'", "never the secret itself"),
        ("platform: cloud-run", "platfrom: cloud-run", "did you mean 'platform'?"),
        ('tier: "1"', "tier: 1", "metadata.tier: is 1; write text"),
        ("{name: bridge, role", "{name: brigde, role", "no service 'brigde' here; did you mean 'bridge'?; or add type"),
        ("roles/pubsub.viewer", "roles/owner", "'roles/owner' covers every service of a project"),
        ("roles/pubsub.viewer", "roles/editor", "'roles/editor' covers every service of a project"),
        ("roles/pubsub.viewer", "pubsub.viewer", "'pubsub.viewer' is no role; write roles/SERVICE.NAME"),
        ("name: other-sa", "name: allUsers", "'allUsers' is everybody, which is refused"),
        ("name: other-sa", "name: me@example.com", "'me@example.com' is no service account"),
        ("projects/plant-project/roles", "projects/far-project/roles", "is a role of another project than 'plant-pro"),
        ("type: service}", "type: user}", 'iam_access_policy[0].type: is "user"; '),
        (
            "[{name: devices}]",
            "[{name: devices, iam_access_policy: [{name: bridge, role: roles/datastore.user}]}]",
            "iam_access_policy: firestore_collections have no policies of their own; grant the role by a link",
        ),
    ],
)
def test_what_cannot_work_is_told(old: str, new: str, expected: str) -> None:
    if "MQTT_PASSWORD" in new:
        with pytest.raises(DocumentError) as caught:
            loaded(DOCUMENT.replace(old, new))
        assert "has another value already; keep one" in str(caught.value)
        assert "a secret does not belong here" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        return
    assert expected in problem(old, new)


def test_only_kinds_there_are_can_have_policies() -> None:
    assert set(kinds()) >= WITH_POLICIES
