"""From the texts of an architecture to a blueprint the director can build, or to all that is wrong with it at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from director.documents import model, seeds
from director.documents.composing import Composed, composed
from director.documents.configuration import Configuration, configurations
from director.documents.drafts import Draft, resources
from director.documents.environments import chosen, environments, overlaid
from director.documents.inline_secrets import ADVICE, inline_secrets
from director.documents.model import Architecture
from director.documents.queries import filled, strays
from director.documents.references import findings
from director.documents.seeds import Documents
from director.documents.sources import Files
from director.documents.suffixes import suffixed
from director.strict import DocumentError, Problem, Source, check

HIDDEN = "(secret)"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A checked architecture with what was worked out on the way, keyed by dataflow and service or collection.

    `environment` is the one it is of. `texts` are all the files it was made of, the hub first, by their paths from the
    hub's folder; `source` knows where each part of the effective document is written.
    """

    architecture: Architecture
    configurations: Mapping[tuple[str, str], Configuration]
    seeds: Mapping[tuple[str, str], Documents]
    environment: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    source: Source | None = field(default=None, compare=False, repr=False)


def load(path: Path, environment: str | None = None) -> Blueprint:
    """The architecture of a hub file and the files it names, in an environment: else its default, else the base.

    Raises DocumentError with every problem of all these files, in all environments.
    """
    return _load(Files.of_folder(path), environment)


def load_texts(texts: Mapping[str, str], hub: str, environment: str | None = None) -> Blueprint:
    """The same of texts by file name; `hub` is the name of the one to begin with. Raises DocumentError."""
    return _load(Files.of_texts(texts, hub), environment)


def _load(files: Files, environment: str | None) -> Blueprint:
    base = composed(files)
    wanted, problems = chosen(base.source, environment)
    problems += base.problems
    secrets = [(part, *found) for part in base.parts for found in inline_secrets(part.data)]
    told = [part.problem(location, ADVICE) for part, location, _ in secrets]
    problems += [fault for part in base.parts for fault in part.faults()]
    reading = Reading(base, files)
    blueprint, found = reading.of(wanted)
    problems += found
    for name in environments(base.source.data):
        problems += reading.only_in(name, wanted)
    reading.seeds(base.source)  # those of the base too, where nothing but environments is used: its texts are whole
    if blueprint is None or problems or told:
        raise DocumentError([*told, *_without(problems, told, [secret for *_, secret in secrets])])
    return replace(blueprint, texts=dict(files.texts))


class Reading:
    """What a composed document comes to in each environment; each is worked out once."""

    def __init__(self, base: Composed, files: Files) -> None:
        self._base = base
        self._files = files
        self._done: dict[str | None, tuple[Blueprint | None, list[Problem]]] = {}

    def of(self, environment: str | None) -> tuple[Blueprint | None, list[Problem]]:
        """None of the environments is the base."""
        if environment not in self._done:
            self._done[environment] = self._read(environment)
        return self._done[environment]

    def only_in(self, environment: str, beside: str | None) -> list[Problem]:
        """The problems that this environment has and `beside` has not, which say so."""
        known = self.of(beside)[1]
        return [_in(environment, problem) for problem in self.of(environment)[1] if problem not in known]

    def _read(self, environment: str | None) -> tuple[Blueprint | None, list[Problem]]:
        source = self._base.source
        problems: list[Problem] = []
        if environment is not None:
            source, problems = overlaid(source, environment, self._base.missing)
            strange = strays(Draft(self._base.source.data), Draft(source.data))
            problems += [source.problem(*finding) for finding in strange]
        source = suffixed(filled(source))
        architecture, found = check(source, model.architecture())
        draft = Draft(source.data if isinstance(source.data, dict) else {})
        slices, conflicts = configurations(draft)
        documents, more = self.seeds(source)
        problems += [*found, *(source.problem(*one) for one in (*findings(draft), *conflicts)), *more]
        if architecture is None:
            return None, problems
        return Blueprint(architecture, slices, documents, environment, source=source), problems

    def seeds(self, whole: Source) -> tuple[dict[tuple[str, str], Documents], list[Problem]]:
        architecture = Draft(whole.data if isinstance(whole.data, dict) else {})
        documents: dict[tuple[str, str], Documents] = {}
        problems: list[Problem] = []
        for dataflow, collection, file, draft in _seeded(architecture):
            at = (*draft.location, "documents_file")
            try:
                documents[dataflow, collection] = seeds.documents(self._files.named(file, whole.at(at).source))
            except DocumentError as error:
                problems += error.problems
            except ValueError as error:
                problems.append(whole.problem(at, str(error)))
        return documents, problems


def _seeded(architecture: Draft) -> Iterator[tuple[str, str, str, Draft]]:
    for dataflow, draft in architecture.children("dataflows").items():
        for collection in resources(draft, "firestore_collections"):
            name, file = collection.text("name"), collection.text("documents_file")
            if name and file is not None:
                yield dataflow, name, file, collection


def _in(environment: str, problem: Problem) -> Problem:
    if problem.path.startswith("deployment_environments."):
        return problem
    return replace(problem, message=f"{problem.message} (in environment {environment})")


def _without(problems: Iterable[Problem], told: Iterable[Problem], secrets: list[str]) -> Iterator[Problem]:
    """The problems with no secret in any message: another check may have quoted one.

    What is told of the very place of a secret may quote a part of it, or spell it otherwise, and is left out.
    """
    places = {_place(problem) for problem in told}
    for problem in problems:
        if _place(problem) in places:
            continue
        message = problem.message
        for secret in secrets:
            message = message.replace(f"'{secret}'", HIDDEN).replace(f'"{secret}"', HIDDEN)
        yield replace(problem, message=message)


def _place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.path
