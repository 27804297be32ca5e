"""Packages that contribute commands, installed where only the test's process finds them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{requires}"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package: `install("name", {"command": "module:function"}, {"module": "source"}, *requirements)`."""
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def make(name: str, commands: dict[str, str], modules: dict[str, str], *requirements: str) -> None:
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        requires = "".join(f"Requires-Dist: {one}\n" for one in requirements)
        (folder / "METADATA").write_text(METADATA.format(name=name, requires=requires))
        entries = "".join(f"{command} = {value}\n" for command, value in commands.items())
        (folder / "entry_points.txt").write_text(f"[conductor.commands]\n{entries}")
        for module, source in modules.items():
            (tmp_path / f"{module}.py").write_text(source)
            made.append(module)

    yield make
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def command() -> Callable[[str], str]:
    """The source of a module with a command `run` that does what is given."""

    def source(body: str) -> str:
        return (
            "def run(parser):\n"
            "    parser.description = 'Does a thing.\\n\\nAt length.'\n"
            "    parser.add_argument('words', nargs='*')\n"
            "    parser.set_defaults(command=_act)\n"
            f"def _act(arguments):\n    {body}\n"
        )

    return source
