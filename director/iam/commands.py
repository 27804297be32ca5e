"""`conductor iam plan|apply|verify|roles|condition`: a shell around `director.iam.iam`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from director.arguments import document

if TYPE_CHECKING:  # these bring Google's clients
    from director.iam.iam import Iam

OK, FAILED = 0, 1
Action = Callable[["Iam", argparse.Namespace], int]


def iam(parser: argparse.ArgumentParser) -> None:
    parser.description = "Give services the rights that a document's links ask for, and no others."
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action, about in (
        ("plan", _plan, "print what apply would grant and revoke, and why; changes nothing"),
        ("apply", _apply, "grant what is missing, revoke what was ours and no link asks for, wait until it holds"),
        ("verify", _verify, "print what is missing, superfluous or broader than planned; changes nothing"),
    ):
        _add_action(commands.add_parser(name, help=about, description=about), action, waits=name == "apply")
    about = "print the custom roles a project needs, the director's own among them, for gcloud iam roles create --file"
    roles = commands.add_parser("roles", help=about, description=about)
    roles.add_argument("role", nargs="?", metavar="ROLE", help="only this one, by its id")
    roles.set_defaults(command=_roles)
    about = (
        "print the condition under which the director is to have iotDirectorGrants, for gcloud --condition-from-file"
    )
    condition = commands.add_parser("condition", help=about, description=about)
    condition.add_argument("project", metavar="PROJECT")
    condition.set_defaults(command=_condition)


def _add_action(parser: argparse.ArgumentParser, action: Action, waits: bool) -> None:
    parser.set_defaults(command=partial(_act, action), as_services=False)
    document(parser)
    parser.add_argument("--dataflow", help="only this one (default: all)")
    about = "keep there what was granted (default: in the project's Firestore); use the same every time"
    parser.add_argument("--claims", type=Path, metavar="FILE", help=about)
    about = "that of the project (default: asked of Resource Manager where it is needed)"
    parser.add_argument("--project-number", metavar="NUMBER", help=about)
    parser.add_argument("--json", action="store_true", help="for programs")
    if waits:
        about = "wait until each service itself may; needs roles/iam.serviceAccountTokenCreator on their accounts"
        parser.add_argument("--as-services", action="store_true", help=about)


def _act(action: Action, arguments: argparse.Namespace) -> int:
    """Raises DocumentError, DirectorError, OSError."""
    from director.documents.loading import load
    from director.iam.claim_stores import FileClaims
    from director.iam.effect import AsServices
    from director.iam.iam import Iam
    from director.provisioning.clients import Clients

    blueprint = load(arguments.file, arguments.environment)
    claims = FileClaims(arguments.claims) if arguments.claims else None
    services = AsServices() if arguments.as_services else None
    with Clients.open(blueprint.architecture.project_id) as clients:
        return action(Iam.open(blueprint, clients, claims, arguments.project_number, services), arguments)


def _plan(rights: "Iam", arguments: argparse.Namespace) -> int:
    changes = rights.plan(arguments.dataflow)
    _show(changes, "action", arguments.json)
    return OK


def _apply(rights: "Iam", arguments: argparse.Namespace) -> int:
    outcomes = rights.apply(arguments.dataflow)
    _show(outcomes, "result", arguments.json)
    return OK if all(one.good for one in outcomes) else FAILED


def _verify(rights: "Iam", arguments: argparse.Namespace) -> int:
    found = rights.verify(arguments.dataflow)
    if found or arguments.json:
        _show(found, "problem", arguments.json)
    else:
        _say("every grant is there, and none beyond them")
    return FAILED if found else OK


def _show(rows: Iterable[Any], key: str, as_json: bool) -> None:
    if as_json:
        _say(json.dumps([_row(row, key) for row in rows], indent=2))
        return
    for row in rows:
        _say(str(row))


def _row(row: Any, key: str) -> dict[str, Any]:
    kind, name = row.binding.resource
    role, member = row.binding.grant
    return {key: getattr(row, key), "kind": kind, "name": name, "role": role, "member": member, "why": row.why}


def _roles(arguments: argparse.Namespace) -> int:
    from director.errors import Unknown
    from director.iam.own_role import CUSTOM_ROLES

    known = {role.id: role for role in CUSTOM_ROLES}
    if arguments.role is None:
        _say(json.dumps({role.id: role.definition() for role in CUSTOM_ROLES}, indent=2))
        return OK
    if arguments.role not in known:
        raise Unknown(f"no role '{arguments.role}' here; there are {', '.join(known)}")
    _say(json.dumps(known[arguments.role].definition(), indent=2))
    return OK


def _condition(arguments: argparse.Namespace) -> int:
    from director.iam.own_role import granting_condition

    title = "only the roles of the plan"
    _say(json.dumps({"title": title, "expression": granting_condition(arguments.project)}, indent=2))
    return OK


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
