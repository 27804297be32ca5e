"""The architecture: its versions, what one changes of another, and adding one."""

from collections.abc import Callable
from dataclasses import asdict

from werkzeug.http import parse_etags

from director.errors import Unknown
from director.renewal import Renewal
from director.rest import paging
from director.rest.problems import BadInput, Mistake, NotAsWanted
from director.rest.route import Call, Reply
from director.rest.versions import AddedVersion, ArchitectureSeen, Differences, VersionFacts, VersionList
from director.strict import DocumentError, Problem, printable
from director.versions.diff import diff
from director.versions.version import Added, Contents, Version


def current(call: Call) -> Reply:
    """The ETag is what If-Match takes when a version is added."""
    renewal = _renewal(call)
    newest = renewal.versions.current()
    if newest is None:
        raise Unknown("no version")
    return _seen(renewal, newest)


def shown(call: Call) -> Reply:
    renewal = _renewal(call)
    return _seen(renewal, renewal.versions.find(int(call.arguments["version"])))


def listed(call: Call) -> Reply:
    """The newest first."""
    asked = call.query
    found = _renewal(call).versions.page(asked.before, asked.page_size)
    more = found[-1].number if len(found) == asked.page_size and found[-1].number > 1 else None
    return Reply(VersionList(versions=tuple(map(_facts, found)), next_page_token=paging.token(more)))


def compared(call: Call) -> Reply:
    renewal = _renewal(call)
    newest = renewal.versions.current()
    to = call.query.to or (newest.number if newest else 1)
    old, new = (renewal.versions.contents(number) for number in (call.query.from_ or max(1, to - 1), to))
    return Reply(Differences.model_validate(diff(old, new, renewal.environment).to_json()))


def imported(call: Call) -> Reply:
    asked, renewal = call.body, _renewal(call)
    contents = Contents(asked.hub, asked.files)
    added = Added(call.identity.name, printable(asked.comment))
    return _added(call, renewal, lambda expected: renewal.add(contents, expected, added))


def rolled_back(call: Call) -> Reply:
    asked, renewal = call.body, _renewal(call)
    added = Added(call.identity.name, printable(asked.comment), asked.version)
    return _added(call, renewal, lambda expected: renewal.roll_back(asked.version, expected, added))


def _renewal(call: Call) -> Renewal:
    """A director without a store has nothing under these addresses."""
    if call.parts.renewal is None:
        raise Unknown("no store of versions here")
    return call.parts.renewal


def _added(call: Call, renewal: Renewal, add: Callable[[int], tuple[Version, bool]]) -> Reply:
    try:
        version, new = add(_expected(call, renewal))
    except DocumentError as error:
        mistakes = [Mistake(pointer=f"/files/{_escaped(one)}", message=str(one)) for one in error.problems]
        raise BadInput(mistakes, 422, "unusable") from error
    if call.trail:
        call.trail.end(f"version {version.number}" if new else "unchanged", report_hash=version.sha256)
    answer = AddedVersion(version=_facts(version), added=new, in_force=renewal.version.number, remark=renewal.remark)
    return Reply(answer, headers={"ETag": f'"{version.number}"'})


def _expected(call: Call, renewal: Renewal) -> int:
    """The number that the caller has seen as current. Raises 428, and Conflict where it is none of those they name."""
    given = parse_etags(call.headers.get("If-Match"))
    if not given.as_set() or given.star_tag:
        message = "say with If-Match which version you have seen as current: its ETag, from GET /v1/architecture"
        raise NotAsWanted(428, "if_match_required", message)
    newest = renewal.versions.current()
    number = newest.number if newest else 0
    if given.contains(str(number)):
        return number
    seen = [int(tag) for tag in given.as_set() if tag.isascii() and tag.isdigit() and len(tag) < 10]
    return max(seen, default=0)


def _seen(renewal: Renewal, version: Version) -> Reply:
    texts = renewal.versions.contents(version.number)
    files = {name: texts.texts[name] for name in texts.names}
    answer = ArchitectureSeen(version=_facts(version), in_force=renewal.version.number, files=files)
    return Reply(answer, headers={"ETag": f'"{version.number}"'})


def _facts(version: Version) -> VersionFacts:
    return VersionFacts.model_validate(asdict(version))


def _escaped(problem: Problem) -> str:
    return problem.file.replace("~", "~0").replace("/", "~1")
