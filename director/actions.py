"""What the command line does with Google's clients in hand; apart from `__main__`, for they take long to import."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from typing import TextIO, TypeVar

from flask import Flask

from director import server
from director.app import LOOPBACK_HOSTS, create_app
from director.documents import Blueprint, load
from director.exits import OK, exit_code
from director.resources.catalogue import providers
from director.resources.clients import Clients, check_environment
from director.resources.retries import Retries
from director.service import Director
from director.strict import printable

T = TypeVar("T")


def plan(arguments: Namespace) -> bool:
    return _each_dataflow(arguments.file, arguments.dataflow, Director.plan, lambda change: change.action != "refuse")


def apply(arguments: Namespace) -> bool:
    return _each_dataflow(arguments.file, arguments.dataflow, Director.apply, lambda outcome: outcome.good)


def verify(arguments: Namespace) -> bool:
    as_wanted = _each_dataflow(arguments.file, arguments.dataflow, Director.verify, lambda change: False)
    if as_wanted:
        _say("everything is as wanted")
    return as_wanted


def serve(arguments: Namespace) -> bool:
    blueprint = load(arguments.architecture)
    with server.listening_socket(arguments.host, arguments.port) as bound:
        check_environment()
        if arguments.apply and not _applied(arguments.architecture):
            _say("director: not started, since the architecture could not be applied (see above)", sys.stderr)
            return False
        server.serve(bound, lambda: _application(blueprint, arguments.host))
    return True


def _each_dataflow(
    file: Path, dataflow: str | None, ask: Callable[[Director, str], Iterable[T]], good: Callable[[T], bool]
) -> bool:
    """Asks for the chosen dataflows one by one and prints each answer as it comes."""
    blueprint = load(file)
    all_good = True
    with Clients.open(blueprint.architecture.project_id) as clients:
        director = Director(blueprint, providers(clients, blueprint), Retries())
        for name in _chosen(director, dataflow):
            for one in ask(director, name):
                _say(str(one))
                all_good = all_good and good(one)
    return all_good


def _chosen(director: Director, dataflow: str | None) -> Sequence[str]:
    if dataflow is None:
        return director.dataflows()
    director.description(dataflow)  # an unknown one raises here, before anything is done
    return (dataflow,)


def _applied(architecture: Path) -> bool:
    """Applies in a child that is forked for it: gRPC must not be awake in a process that forks again later."""
    child = get_context("fork").Process(target=_apply_and_exit, args=(architecture,))
    child.start()
    child.join()
    return child.exitcode == OK


def _apply_and_exit(architecture: Path) -> None:
    """The report goes to standard error: standard output is for the line that says where the server is."""
    with redirect_stdout(sys.stderr):
        sys.exit(exit_code(lambda: _each_dataflow(architecture, None, Director.apply, lambda outcome: outcome.good)))


def _application(blueprint: Blueprint, host: str) -> Flask:
    clients = Clients.open(blueprint.architecture.project_id)
    return create_app(Director(blueprint, providers(clients, blueprint), Retries()), (*LOOPBACK_HOSTS, host))


def _say(line: str, where: TextIO | None = None) -> None:
    print(printable(line), file=where, flush=True)
