"""What a job is told, from flags, a file or the director, checked once.

Every field of a job's config is a flag of the same name; fields that are lists or mappings take JSON. Flags win over
the document that `--director_url` or `--config` names. What is no field goes to Beam's PipelineOptions.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator

from director import starting
from director.client import DirectorClient
from director.strict import DocumentError, Problem, Source, Strict, check, parsed, read


def _named(kind: str, text: str) -> str:
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != kind or not parts[1] or not parts[3]:
        raise ValueError(f"{text!r} is not of the form projects/PROJECT/{kind}/NAME")
    return text


Subscription = Annotated[str, AfterValidator(lambda text: _named("subscriptions", text))]
PubsubTopic = Annotated[str, AfterValidator(lambda text: _named("topics", text))]


class JobConfig(Strict):
    """What every job has: where messages come from, and where dead letters go."""

    subscription: Subscription
    dead_letter_topic: PubsubTopic


C = TypeVar("C", bound=JobConfig)


@dataclass(frozen=True, slots=True)
class Parsed(Generic[C]):
    """A job's config, and the flags that are none of its fields; `remark` where the director did not give it."""

    config: C
    rest: list[str]
    remark: str | None = None


def parse_flags(argv: Sequence[str], model: type[C], job: str) -> Parsed[C]:
    """Raises DocumentError with every problem, DirectorError where a director does not answer."""
    parser = argparse.ArgumentParser(f"python -m beam_jobs.{job}", allow_abbrev=False, description=model.__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--director_url", help="the director that has this job's configuration")
    where.add_argument("--config", type=Path, help="a YAML file with the configuration, instead of a director")
    parser.add_argument("--dataflow", default="environment", help="the dataflow this job serves")
    parser.add_argument("--service", default=job, help="this job's name in the dataflow")
    starting.add_arguments(parser)
    fields = parser.add_argument_group("configuration")
    for name, info in model.model_fields.items():
        fields.add_argument(f"--{name}", help=info.description, metavar=name.upper())
    given, rest = parser.parse_known_args(list(argv))
    flags = {name: getattr(given, name) for name in model.model_fields if getattr(given, name) is not None}
    source, remark = _document(given)
    if isinstance(source.data, dict):
        source.data.update({name: _value(name, text, model) for name, text in flags.items()})
    config, problems = check(source, model)
    if config is None or problems:
        raise DocumentError(problems)
    return Parsed(config, rest, remark)


def _document(given: argparse.Namespace) -> tuple[Source, str | None]:
    """With what should be known of where it is from."""
    if given.director_url:
        client, ways = DirectorClient(given.director_url), starting.ways(given)
        started = starting.start(client, given.dataflow, given.service, ways)
        return started.source, started.remark
    starting.check_unused(given)
    return (read(given.config) if given.config else parsed({}, "flags")), None


def _value(name: str, text: str, model: type[JobConfig]) -> Any:
    """Text as it is where the field takes text, JSON elsewhere."""
    if _takes_text(model.model_fields[name].annotation):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise DocumentError([Problem("flags", 0, 0, f"--{name}", f"takes JSON: {error}")]) from error


def _takes_text(annotation: Any) -> bool:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return all(isinstance(choice, str) for choice in parts)
    if origin is Annotated:
        return _takes_text(parts[0])
    return annotation is str or (origin in (Union, UnionType) and any(map(_takes_text, parts)))
