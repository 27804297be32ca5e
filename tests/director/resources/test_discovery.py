"""The oracle itself: what it has to find."""

from tests.director.resources.discovery import complaints

INGRESS = (
    "INGRESS_TRAFFIC_UNSPECIFIED",
    "INGRESS_TRAFFIC_ALL",
    "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    "INGRESS_TRAFFIC_NONE",
)


def test_a_body_that_fits_is_not_complained_about() -> None:
    body = {"labels": {"a": "b"}, "template": {"containers": [{"image": "x", "ports": [{"containerPort": 1}]}]}}
    assert complaints("run.v2", "GoogleCloudRunV2Service", body) == []


def test_unknown_fields_wrong_types_and_wrong_enum_values_are_found_at_any_depth() -> None:
    body = {
        "colour": "red",
        "ingress": "INGRESS_TRAFFIC_SOME",
        "template": {"containers": [{"image": 7, "resources": {"cpuIdle": "yes"}}, {"mood": "good"}]},
    }
    assert complaints("run.v2", "GoogleCloudRunV2Service", body) == [
        "GoogleCloudRunV2Service.colour: unknown field",
        f"GoogleCloudRunV2Service.ingress: 'INGRESS_TRAFFIC_SOME' is none of {', '.join(INGRESS)}",
        "GoogleCloudRunV2Service.template.containers[0].image: 7 is no string",
        "GoogleCloudRunV2Service.template.containers[0].resources.cpuIdle: 'yes' is no boolean",
        "GoogleCloudRunV2Service.template.containers[1].mood: unknown field",
    ]
