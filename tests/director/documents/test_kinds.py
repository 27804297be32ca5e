"""The kinds there are, and how a package adds one."""

from importlib.metadata import EntryPoint
from typing import Annotated

import pytest
from pydantic import Field

from director.documents import kinds as module
from director.documents import model
from director.documents.drafts import Draft
from director.documents.kinds import Kind, Site, kinds
from director.documents.model import Architecture, Resources
from director.documents.specs.resource import Resource
from director.errors import Misconfigured
from director.strict import DocumentError, Strict
from director.strict import load as load_document

SITE = Site("p", "europe-west1")


class Queue(Resource):
    """What a package beside ours may describe."""

    name: str
    depth: Annotated[int, Field(ge=1)] = 1


QUEUES = Kind("queues", Queue, lambda site, draft: draft.text("name"), "plugged.queues", apis=("queues.example.com",))


class Plugged:
    """Entry points as an installed package would have them."""

    def __init__(self, *values: str) -> None:
        self._values = values

    def __call__(self, group: str) -> list[EntryPoint]:
        return [EntryPoint(f"kind-{number}", value, group) for number, value in enumerate(self._values)]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Installs kinds for one test."""

    def installed(*values: str) -> None:
        monkeypatch.setattr(module, "entry_points", Plugged(*values))
        kinds.cache_clear()
        model.architecture.cache_clear()

    yield installed
    monkeypatch.undo()
    kinds.cache_clear()
    model.architecture.cache_clear()


def test_every_kind_that_comes_along_is_a_section_of_the_model() -> None:
    assert list(kinds()) == list(Resources.model_fields)


@pytest.mark.parametrize(
    ("kind", "written", "name"),
    [
        ("bigquery_tables", {"name": "rows", "dataset": "telemetry"}, "p.telemetry.rows"),
        ("bigquery_tables", {"name": "rows"}, None),
        ("topics", {"name": "t"}, "projects/p/topics/t"),
        ("topics", {}, None),
        ("gcs_buckets", {"name": "b"}, "b"),
    ],
)
def test_the_full_name_is_what_clients_take(kind: str, written: dict[str, str], name: str | None) -> None:
    assert kinds()[kind].full_name(SITE, Draft(written)) == name


DOCUMENT = """\
name: plant
project_id: some-project
region: europe-west1
location: EU
dataflows: {{air: {{resources: {{queues: [{{name: q, {more}}}]}}}}}}
"""


def test_a_package_adds_a_kind_that_documents_may_have(plug) -> None:  # type: ignore[no-untyped-def]
    plug(f"{__name__}:QUEUES")
    assert list(kinds())[-1] == "queues"
    read = load_document(DOCUMENT.format(more="depth: 3"), model.architecture())
    assert isinstance(read, Architecture)
    assert read.dataflows["air"].resources.queues == (Queue(name="q", depth=3),)  # type: ignore[attr-defined]


def test_what_is_wrong_in_it_is_told_as_of_any_other(plug) -> None:  # type: ignore[no-untyped-def]
    plug(f"{__name__}:QUEUES")
    with pytest.raises(DocumentError, match=r"queues\[0\].dept: unknown key; did you mean 'depth'"):
        load_document(DOCUMENT.format(more="dept: 3"), model.architecture())


def test_without_the_package_the_kind_is_unknown() -> None:
    with pytest.raises(DocumentError, match="queues: unknown key"):
        load_document(DOCUMENT.format(more="depth: 3"), model.architecture())


NO_KIND = Strict


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("no.such.module:KIND", "cannot be loaded from no.such.module:KIND"),
        (f"{__name__}:NO_KIND", "is no director.documents.kinds.Kind"),
        ("director.documents.kinds:BUILT_IN", "is no director.documents.kinds.Kind"),
    ],
)
def test_what_is_no_kind_is_refused_by_name(plug, value: str, says: str) -> None:  # type: ignore[no-untyped-def]
    plug(value)
    with pytest.raises(Misconfigured, match=says):
        kinds()


def test_a_kind_that_is_there_already_is_refused(plug) -> None:  # type: ignore[no-untyped-def]
    plug(f"{__name__}:QUEUES", f"{__name__}:QUEUES")
    with pytest.raises(Misconfigured, match=r"kind .queues. .* is there already"):
        kinds()
