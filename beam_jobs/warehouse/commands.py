"""`conductor schema infer|show`: a mapping and a table schema from samples or a model, and what a config makes."""

import argparse
import sys
from pathlib import Path
from typing import Any

SAMPLES = 10_000


def schema(parser: argparse.ArgumentParser) -> None:
    """Fills the parser of `conductor schema`."""
    parser.description = "Columns of the warehouse and schemas of its tables."
    commands = parser.add_subparsers(required=True, metavar="infer|show")

    infer = commands.add_parser("infer", help="propose columns and a table schema, as YAML")
    what = infer.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--samples", type=Path, metavar="FILE", help="JSON payloads or lines of the archive, one a line; - reads stdin"
    )
    what.add_argument("--model", metavar="MODULE:CLASS", help="a dataclass or pydantic model of the payload")
    infer.add_argument("--table", default="TABLE", metavar="NAME", help="the table's name in the proposal")
    infer.add_argument("--payload-only", action="store_true", help="leave out the columns of the envelope")
    infer.add_argument("--most", type=int, default=SAMPLES, metavar="N", help=f"samples read at most ({SAMPLES})")
    infer.set_defaults(command=_infer)

    show = commands.add_parser("show", help="the table schema that a config's columns need")
    show.add_argument("config", type=Path, help="the job's configuration, or an architecture with such a service")
    show.add_argument("--service", default="warehouse", help="which service of an architecture (warehouse)")
    show.add_argument("--dataflow", help="which dataflow of an architecture, where there are several")
    show.add_argument(
        "--against", metavar="PROJECT.DATASET.TABLE", help="compare with this table; exit code 1 where it does not fit"
    )
    show.set_defaults(command=_show)


def _infer(given: argparse.Namespace) -> int:
    from beam_jobs.warehouse import models, proposal
    from beam_jobs.warehouse.inference import infer

    envelope = not given.payload_only
    if given.model:
        columns = models.from_model(models.load(given.model), envelope)
    else:
        columns = infer(_documents(given), envelope)
    sys.stdout.write(proposal.as_yaml(given.table, columns) + "\n")
    return 0


def _documents(given: argparse.Namespace) -> list[Any]:
    from beam_jobs.warehouse.samples import read
    from director.strict import DocumentError, Problem

    samples = read(given.samples, given.most)
    if not samples.documents:
        raise DocumentError([Problem(str(given.samples), 0, 0, "", "has no line that is JSON; nothing to infer from")])
    if samples.others:
        sys.stderr.write(f"{samples.others} lines are no JSON and were left out\n")
    return samples.documents


def _show(given: argparse.Namespace) -> int:
    from beam_jobs.warehouse import mapping, proposal

    columns = mapping.columns(given.config, given.dataflow, given.service)
    table = (given.against or "TABLE").rsplit(".", 1)[-1]
    sys.stdout.write("\n".join(proposal.table_yaml(table, proposal.of_columns(columns))) + "\n")
    if not given.against:
        return 0
    problems = mapping.misfits(given.against, columns)
    sys.stdout.write("".join(f"\n{problem}" for problem in problems or ["the table takes these rows"]) + "\n")
    return 1 if problems else 0
