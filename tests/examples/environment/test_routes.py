"""The example's routes do what is written beside them."""

from pathlib import Path

from bridge.config import configuration
from bridge.routes.cases import failures
from director.documents.loading import load
from director.strict import parsed, read

ENVIRONMENT = Path(__file__).parents[3] / "examples" / "environment"


def test_the_routes_of_the_example_meet_every_expectation_beside_them() -> None:
    told = load(ENVIRONMENT / "architecture.yaml").configurations["environment", "bridge"].config
    number, unmet = failures(configuration(parsed(told, "bridge")), read(ENVIRONMENT / "routes-test.yaml"))
    assert number == 4
    assert [str(problem) for problem in unmet] == []
