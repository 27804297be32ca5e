"""What the routes of the architecture take and answer."""

from typing import Annotated, Literal

from pydantic import Field

from director.rest.answers import Answer
from director.strict import Strict
from director.versions.version import LONGEST_COMMENT, LONGEST_NAME, MOST_FILES

LARGEST_IMPORT = 10_000_000  # bytes of JSON: texts of 8 MB, and what escapes add to them

Number = Annotated[int, Field(ge=1, le=999_999_999)]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT)]
FileName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class VersionFacts(Answer):
    """`at` is RFC 3339; `restores` the version whose texts came back with this one."""

    number: int
    at: str
    who: str
    comment: str
    sha256: str
    hub: str
    restores: int | None


class ArchitectureSeen(Answer):
    """A version with its texts. `in_force` is the version by which this director answers: it may be another."""

    version: VersionFacts
    in_force: int
    files: dict[str, str]


class VersionList(Answer):
    versions: tuple[VersionFacts, ...]
    next_page_token: str


class AddedVersion(Answer):
    """`added` is false where the same texts were current already; `remark` says why it is not in force, if so."""

    version: VersionFacts
    added: bool
    in_force: int
    remark: str | None


class FileDifference(Answer):
    """`unified` is a unified diff."""

    file: str
    how: Literal["added", "removed", "changed"]
    unified: str


class EffectSeen(Answer):
    """`kind` is service, a kind of resource, dataflow or architecture; `fields` are the places that differ in it."""

    how: Literal["added", "removed", "changed"]
    dataflow: str
    kind: str
    name: str
    fields: tuple[str, ...]


class Differences(Answer):
    """`unreadable` says why there are no effects, where one of the two no longer loads."""

    files: tuple[FileDifference, ...]
    effects: tuple[EffectSeen, ...]
    unreadable: str


class ImportAsked(Strict):
    """`files` are texts by name; `hub` is the one that leads to the others."""

    hub: FileName
    files: Annotated[dict[FileName, str], Field(min_length=1, max_length=MOST_FILES)]
    comment: Comment = ""


class RollbackAsked(Strict):
    """The version whose texts are to come back, as a new one."""

    version: Number
    comment: Comment = ""


class DiffAsked(Strict):
    """Two versions: as they stand, from the one before the current to the current."""

    from_: Annotated[Number | None, Field(alias="from")] = None
    to: Number | None = None
