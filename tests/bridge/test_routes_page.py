"""The page about routes says what is true: its example is a configuration, and meets the cases it shows."""

import re
from pathlib import Path

from bridge.config import configuration
from bridge.routes.cases import failures
from bridge.routes.model import Route
from director.strict import read

PAGE = (Path(__file__).parents[2] / "docs" / "routes.md").read_text()


def test_the_example_of_the_page_meets_its_cases() -> None:
    document, cases = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    number, unmet = failures(configuration(read(document)), read(cases))
    assert (number, unmet) == (3, [])


def test_the_page_has_every_key_of_a_route() -> None:
    _, _, table = PAGE.partition("## All keys of a route")
    described = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert set(Route.model_fields) <= described
