"""What the command line does with Google's clients in hand; apart from `__main__`, for they take long to import."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TextIO, TypeVar

from flask import Flask

from director.documents.loading import Blueprint, load
from director.errors import Busy, Misconfigured
from director.exits import OK, exit_code
from director.iam.iam import Iam
from director.iam.rights import Rights
from director.ledger.file import FileLedger
from director.ledger.firestore import FirestoreLedger
from director.ledger.ledger import Ledger, Record
from director.provisioning import plan_document as plans
from director.provisioning.clients import Clients, check_environment
from director.provisioning.outcomes import Outcome, Report
from director.provisioning.plan_document import PlanDocument
from director.resources.catalogue import providers
from director.rest import access, server
from director.rest.app import LOOPBACK_HOSTS, close, create_app
from director.retries import Retries
from director.served import Served, renewal, served
from director.service import Director
from director.serving import accompany
from director.strict import printable

T = TypeVar("T")
GLANCE = 0.5  # seconds between two looks at a lease


def plan(arguments: Namespace) -> bool:
    """False with a refusal in it."""
    with _director(arguments) as director:
        names = _chosen(director, arguments)
        found = [director.plan(name, arguments.service, arguments.resource) for name in names]
    _write(found, arguments)
    return all(change.action != "refuse" for one in found for change in one)


def apply(arguments: Namespace) -> bool:
    with _director(arguments, journaled=True) as director:
        good = [_apply(director, arguments, name, plan_hash) for name, plan_hash in _agreed(director, arguments)]
    return all(good)


def verify(arguments: Namespace) -> bool:
    with _director(arguments) as director:
        missing = [change for name in _chosen(director, arguments) for change in director.verify(name)]
    for change in missing:
        _say(str(change))
    if not missing:
        _say("everything is as wanted")
    return not missing


def drift(arguments: Namespace) -> bool:
    """False where there is any."""
    with _director(arguments, journaled=True) as director:
        found = {name: director.drift(name) for name in _chosen(director, arguments)}
    if arguments.json:
        _print(json.dumps({name: [one.to_json() for one in each] for name, each in found.items()}, indent=2))
    else:
        for one in (one for each in found.values() for one in each):
            _say(str(one))
    if not any(found.values()) and not arguments.json:
        _say("no drift")
    return not any(found.values())


def teardown(arguments: Namespace) -> bool:
    """False where something has to be confirmed first, or could not be deleted."""
    part = {"service": arguments.service, "resource": arguments.resource}
    with _director(arguments, journaled=True) as director:
        planned = director.teardown_plan(arguments.dataflow, **part)
        return _deleted(director, arguments, planned, partial(director.teardown, **part))


def rollback(arguments: Namespace) -> bool:
    """False as for a teardown."""
    with _director(arguments, journaled=True) as director:
        planned = director.rollback_plan(arguments.dataflow)
        return _deleted(director, arguments, planned, director.rollback)


def history(arguments: Namespace) -> bool:
    with _director(arguments, journaled=True) as director:
        for name in _chosen(director, arguments):
            for record in director.history(name):
                if arguments.json:
                    _print(json.dumps({"dataflow": name, **asdict(record)}))
                else:
                    _say(_line(record))
    return True


def serve(arguments: Namespace) -> bool:
    begun = served(arguments)
    access.check(arguments, begun.blueprint.architecture)
    with server.listening_socket(arguments.host, arguments.port) as bound:
        check_environment()
        if arguments.apply and not _applied(arguments, begun.blueprint):
            _say("director: not started, since the architecture could not be applied (see above)", sys.stderr)
            return False
        server.serve(bound, lambda stopping: _application(begun, arguments, stopping), close)
    return True


@contextmanager
def _director(arguments: Namespace, journaled: bool = False) -> Iterator[Director]:
    """What only looks at Google needs no journal."""
    known: Blueprint | None = getattr(arguments, "blueprint", None)
    blueprint = known or load(arguments.file, arguments.environment)
    with Clients.open(blueprint.architecture.project_id) as clients:
        rights = _entitled(arguments, clients)
        if not journaled:
            with closing(FileLedger()) as unused:
                yield Director(blueprint, partial(providers, clients), Retries(), ledger=unused, rights=rights)
            return
        ledger = _ledger(arguments, clients)
        yield Director(
            blueprint,
            partial(providers, clients),
            Retries(),
            ledger=ledger,
            lease_seconds=arguments.lease_seconds,
            rights=rights,
        )


def _deleted(director: Director, arguments: Namespace, planned: PlanDocument, act: Callable[..., Report]) -> bool:
    """Shows the plan and asks, unless that is declined; `act` takes what was agreed to."""
    agreed = None
    if arguments.plan is not None:
        [(_, agreed)] = _agreed(director, arguments, planned.purpose)
    if arguments.dry_run:
        _write([planned], arguments)
        return True
    if agreed is None and not arguments.yes:
        _write([planned], arguments)
        _ask(planned)
        agreed = planned.hash
    confirmed = frozenset(arguments.force_data_loss)
    return all(outcome.good for outcome in _patiently(lambda: act(planned.dataflow, agreed, confirmed, _told)))


def _entitled(arguments: Namespace, clients: Clients) -> Callable[[Blueprint], Rights] | None:
    """None without --grants."""
    return (lambda blueprint: Rights(Iam.open(blueprint, clients))) if getattr(arguments, "grants", False) else None


def _ledger(arguments: Namespace, clients: Clients) -> Ledger:
    if arguments.journal == "firestore":
        return FirestoreLedger(clients.firestore, Retries(), arguments.journal_collection)
    return FileLedger(Path(arguments.journal))


def _apply(director: Director, arguments: Namespace, dataflow: str, plan_hash: str | None) -> bool:
    part = {"service": arguments.service, "resource": arguments.resource}
    report = _patiently(lambda: director.apply(dataflow, plan_hash, _told, adopt=arguments.adopt, **part))
    return all(outcome.good for outcome in report)


def _agreed(
    director: Director, arguments: Namespace, purpose: plans.Purpose = "apply"
) -> Sequence[tuple[str, str | None]]:
    """Dataflows with the hash of the plan each has to be. Raises Misconfigured or Unknown."""
    chosen = _chosen(director, arguments)
    if arguments.plan is None:
        return [(name, None) for name in chosen]
    if not Path(arguments.plan).exists():
        if not plans.is_hash(arguments.plan):
            raise Misconfigured(f"--plan {arguments.plan}: there is no such file, and it is no hash; give one of both")
        if len(chosen) != 1:
            raise Misconfigured("--plan: a hash is of one dataflow; add --dataflow, or give the file of plan --out")
        return [(chosen[0], arguments.plan)]
    return [(plan.dataflow, plan.hash) for plan in _read(director, Path(arguments.plan), purpose, chosen, arguments)]


def _read(
    director: Director, file: Path, purpose: plans.Purpose, chosen: Sequence[str], arguments: Namespace
) -> list[PlanDocument]:
    try:
        found = [plan for plan in plans.read(file.read_text()) if plan.dataflow in chosen]
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"--plan {file} cannot be read: {error}") from error
    for plan in found:
        if (plan.architecture, plan.purpose) != (director.architecture, purpose):
            raise Misconfigured(f"--plan {file}: is for the {plan.purpose} of '{plan.architecture}'; take another")
        if (plan.service, plan.resource) != (arguments.service, arguments.resource):
            part = f"--service {plan.service}" if plan.service else f"--resource {plan.resource}"
            raise Misconfigured(f"--plan {file}: is of another part; " + (f"add {part}" if "None" not in part else ""))
        director.remember(plan)
    if not found:
        raise Misconfigured(f"--plan {file}: has no plan for {', '.join(chosen)}; take another")
    return found


def _chosen(director: Director, arguments: Namespace) -> Sequence[str]:
    if arguments.dataflow is None:
        return director.dataflows()
    director.description(arguments.dataflow)  # an unknown one raises here, before anything is done
    return (arguments.dataflow,)


def _patiently(act: Callable[[], T]) -> T:
    """Waits for the lease of a director that died, as it is never renewed; not for one that lives."""
    first: Busy | None = None
    while True:
        try:
            return act()
        except Busy as busy:
            if not busy.holder or (first and (busy.holder, busy.expires) != (first.holder, first.expires)):
                raise
            if first is None:
                _say(f"director: {busy}; waiting in case it died", sys.stderr)
                first = busy
        time.sleep(GLANCE)


def _ask(planned: PlanDocument) -> None:
    """Raises Misconfigured where nobody wants it."""
    if not sys.stdin.isatty():
        asks = f"{planned.purpose} asks before it deletes, but nobody can answer"
        raise Misconfigured(f"{asks}; see --dry-run, then say --yes")
    _say(f"Type the name of the dataflow to go on ({planned.dataflow}):")
    if sys.stdin.readline().strip() != planned.dataflow:
        raise Misconfigured("that is not its name, so nothing was touched")


def _write(found: Sequence[PlanDocument], arguments: Namespace) -> None:
    if arguments.out:
        try:
            arguments.out.write_text(plans.written(found))
        except OSError as error:
            raise Misconfigured(f"--out {arguments.out} cannot be written ({error.strerror}); name another") from error
    if getattr(arguments, "json", False):
        _print(plans.written(found).rstrip())
        return
    for one in found:
        for change in one:
            _say(str(change))
        _say(one.conclusion)


def _told(outcome: Outcome) -> None:
    _say(str(outcome))


def _line(record: Record) -> str:
    detail = f": {record.detail}" if record.detail else ""
    return f"{record.at} {record.who} {record.phase:9} {record.action} {record.kind} {record.name}{detail}"


def _applied(arguments: Namespace, blueprint: Blueprint) -> bool:
    """Applies in a child that is forked for it: gRPC must not be awake in a process that forks again later."""
    child = get_context("fork").Process(target=_apply_and_exit, args=(arguments, blueprint))
    child.start()
    child.join()
    return child.exitcode == OK


def _apply_and_exit(arguments: Namespace, blueprint: Blueprint) -> None:
    """The report goes to standard error: standard output is for the line that says where the server is."""
    given = Namespace(**vars(arguments))
    given.blueprint, given.dataflow, given.plan, given.adopt = blueprint, None, None, False
    given.service = given.resource = None
    with redirect_stdout(sys.stderr):
        sys.exit(exit_code(lambda: apply(given)))


def _application(begun: Served, arguments: Namespace, stopping: Callable[[], bool]) -> Flask:
    blueprint = begun.blueprint
    clients = Clients.open(blueprint.architecture.project_id)
    director = Director(
        blueprint,
        partial(providers, clients),
        Retries(),
        ledger=_ledger(arguments, clients),
        lease_seconds=arguments.lease_seconds,
        rights=_entitled(arguments, clients),
    )
    hosts = (*LOOPBACK_HOSTS, arguments.host) if arguments.auth == "none" else None
    safety = access.safety(arguments, blueprint.architecture, lambda: clients.firestore)
    followed = renewal(begun, arguments, director.renew)
    app = create_app(director, hosts, safety, stopping, renewal=followed)
    followed.start()
    accompany(app, arguments, clients, blueprint.architecture)
    return app


def _print(text: str) -> None:
    """What JSON escapes already."""
    print(text, flush=True)  # noqa: T201


def _say(line: str, where: TextIO | None = None) -> None:
    print(printable(line), file=where, flush=True)
