"""From a YAML file to a blueprint the director can build, or to everything that is wrong with it, all at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from director.documents import model, seeds
from director.documents.configuration import Configuration, configurations
from director.documents.drafts import Draft, resources
from director.documents.inline_secrets import ADVICE, inline_secrets
from director.documents.model import Architecture
from director.documents.references import findings
from director.documents.seeds import Documents
from director.strict import DocumentError, Problem, Source, check, read

HIDDEN = "(secret)"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A checked architecture with what was worked out on the way, keyed by dataflow and service or collection."""

    architecture: Architecture
    configurations: Mapping[tuple[str, str], Configuration]
    seeds: Mapping[tuple[str, str], Documents]


def load(path: Path) -> Blueprint:
    """Raises DocumentError with every problem of the document and of the files it names."""
    source = read(path)
    architecture, problems = check(source, model.architecture())
    draft = Draft(source.data if isinstance(source.data, dict) else {})
    slices, conflicts = configurations(draft)
    problems += [source.problem(*finding) for finding in (*findings(draft), *conflicts)]
    documents, seed_problems = _seeds(path.parent, source, draft)
    problems += seed_problems
    secrets = list(inline_secrets(source.data))
    problems += [source.problem(location, ADVICE) for location, _ in secrets]
    if architecture is None or problems:
        raise DocumentError(_without(problems, [secret for _, secret in secrets]))
    return Blueprint(architecture, slices, documents)


def _seeds(folder: Path, source: Source, architecture: Draft) -> tuple[dict[tuple[str, str], Documents], list[Problem]]:
    documents: dict[tuple[str, str], Documents] = {}
    problems: list[Problem] = []
    for dataflow, collection, file, draft in _seeded(architecture):
        try:
            documents[dataflow, collection] = seeds.load(seeds.seed_file(folder, file))
        except DocumentError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(source.problem((*draft.location, "documents_file"), str(error)))
    return documents, problems


def _seeded(architecture: Draft) -> Iterator[tuple[str, str, str, Draft]]:
    for dataflow, draft in architecture.children("dataflows").items():
        for collection in resources(draft, "firestore_collections"):
            name, file = collection.text("name"), collection.text("documents_file")
            if name and file is not None:
                yield dataflow, name, file, collection


def _without(problems: list[Problem], secrets: list[str]) -> Iterator[Problem]:
    """The problems with no secret in any message: another check may have quoted one."""
    for problem in problems:
        message = problem.message
        for secret in secrets:
            message = message.replace(f"'{secret}'", HIDDEN).replace(f'"{secret}"', HIDDEN)
        yield replace(problem, message=message)
