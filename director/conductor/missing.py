"""What to install when an import fails: the extra of the package whose code asked for the module."""

import re
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution

OURS = "iot-dataflows"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*[\"']([^\"']+)[\"']")


def advice_for(error: BaseException, entry: EntryPoint | None = None) -> str:
    """What is wrong in one line, and where a module is missing, how to get it. `entry` is whose import it was."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    package = re.split("[.:]", entry.value)[0] if entry else ""
    if package and error.name.startswith(package):
        return f"{error.name} is not in this installation; install a version of the package that has it"
    wanted = entry.extras if entry and entry.extras else _extras(error.name, package, _of(entry))
    how = f"pip install '{_name(entry)}[{','.join(wanted)}]'" if wanted else "install what holds it"
    return f"{error.name} is missing; {how}"


def _of(entry: EntryPoint | None) -> Distribution | None:
    try:
        return getattr(entry, "dist", None) or distribution(OURS)
    except PackageNotFoundError:  # a source tree that nobody installed
        return None


def _name(entry: EntryPoint | None) -> str:
    found = _of(entry)
    return found.name if found else OURS


def _extras(module: str, package: str, source: Distribution | None) -> list[str]:
    """Extras that bring the module, that of the importing package first of all; several where all of them might do."""
    if source is None:
        return []
    pairs = [found.groups() for found in map(_REQUIREMENT.match, source.requires or ()) if found]
    bringing = sorted({extra for requirement, extra in pairs if _alike(requirement, module)} - {"dev"})
    own = [extra for extra in sorted({extra for _, extra in pairs}) if package.startswith(extra)]
    return [extra for extra in bringing if extra in own] or own or bringing[:1]


def _alike(requirement: str, module: str) -> bool:
    """Whether a distribution's name looks like that of the module: paho-mqtt and paho, PyYAML and yaml."""
    name, wanted = (re.sub(r"[-_.]+", "-", text).lower() for text in (requirement, module))
    return name == wanted or name.startswith(f"{wanted}-") or name == f"py{wanted}"
