"""What each kind of thing may be called, by the rules of the service that keeps it. Light.

Rules: cloud.google.com, "Guidelines to name a topic or subscription" (Pub/Sub), "Name datasets", "Table naming" and
"Column names" (BigQuery), "Bucket naming guidelines" (Storage), "Constraints on collection and document IDs"
(Firestore), the reference of CreateDatabaseRequest and Field (Firestore), Job (Cloud Scheduler) and CreateSecretRequest
(Secret Manager), "Requirements for labels", "Creating and managing projects".
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from director.strict import printable

MANAGED_BY, ARCHITECTURE, DATAFLOW = "managed-by", "architecture", "dataflow"
OWN_LABELS = frozenset({MANAGED_BY, ARCHITECTURE, DATAFLOW})


def matching(what: str, pattern: str, rule: str) -> AfterValidator:
    """A check that text is `what`: it fully matches `pattern`, put into words by `rule`."""
    return AfterValidator(matcher(what, pattern, rule))


def matcher(what: str, pattern: str, rule: str) -> Callable[[str], str]:
    """The same as a function, which raises ValueError."""
    compiled = re.compile(pattern, re.ASCII)

    def matched(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"{_quoted(text)} is no {what}; use {rule}")
        return text

    return matched


def _quoted(text: str) -> str:
    return f"'{printable(text[:80])}{'...' if len(text) > 80 else ''}'"


def _pubsub(text: str) -> str:
    if text.lower().startswith("goog"):
        raise ValueError(f"{_quoted(text)} begins with 'goog', which Google keeps for itself; use another name")
    return text


def _bucket(text: str) -> str:
    if text.startswith("goog") or "google" in text or "g00gle" in text:
        raise ValueError(f"{_quoted(text)} resembles Google's own names, which Cloud Storage refuses; use another")
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text
    raise ValueError(f"{_quoted(text)} is an IP address, which Cloud Storage refuses as a bucket name; use another")


def firestore_id(text: str) -> str:
    """An id of a Firestore collection or document. Raises ValueError."""
    if not text or "/" in text or text in (".", "..") or re.fullmatch(r"__.*__", text, re.DOTALL):
        raise ValueError(f"{_quoted(text)} is no Firestore id; it may not be empty, '.', '..', '__...__' or hold '/'")
    if len(text.encode()) > 1500:
        raise ValueError(f"{_quoted(text)} is longer than Firestore's 1,500 bytes; use a shorter id")
    return text


_RESERVED_COLUMNS = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier", "_change_")


def _column(text: str) -> str:
    if text.lower().startswith(_RESERVED_COLUMNS):
        raise ValueError(f"{_quoted(text)} begins like one of BigQuery's own columns; use another name")
    return text


def _labels(labels: dict[str, str]) -> dict[str, str]:
    own = sorted(OWN_LABELS & set(labels))
    if own:
        raise ValueError(f"{own[0]!r} is set by the director itself; remove it")
    return labels


_ID_RULE = "1-63 lower-case letters, digits and '-', beginning with a letter"
_PUBSUB_PATTERN = r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
_PUBSUB_RULE = "3-255 letters, digits and any of -._~+%, beginning with a letter"

_FIELD = r"([A-Za-z_][A-Za-z0-9_]*|`[^`/\r\n]+`)"

ID_PATTERN = r"[a-z][a-z0-9-]{0,62}"
Id = Annotated[str, matching("name", ID_PATTERN, _ID_RULE)]
Suffix = Annotated[str, matching("suffix of names", r"[a-z0-9]{1,20}", "1-20 lower-case letters and digits")]
ProjectId = Annotated[
    str,
    matching(
        "project id",
        r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "6-30 lower-case letters, digits and '-', beginning with a letter and not ending with '-'",
    ),
]
TopicName = Annotated[str, matching("topic name", _PUBSUB_PATTERN, _PUBSUB_RULE), AfterValidator(_pubsub)]
SchemaName = Annotated[str, matching("schema name", _PUBSUB_PATTERN, _PUBSUB_RULE), AfterValidator(_pubsub)]
SubscriptionName = Annotated[str, matching("subscription name", _PUBSUB_PATTERN, _PUBSUB_RULE), AfterValidator(_pubsub)]
DatasetName = Annotated[str, matching("dataset name", r"[A-Za-z0-9_]{1,1024}", "letters, digits and '_'")]
TableName = Annotated[str, matching("table name", r"[A-Za-z0-9_-]{1,1024}", "letters, digits, '_' and '-'")]
ColumnName = Annotated[
    str,
    matching(
        "column name",
        r"[A-Za-z_][A-Za-z0-9_]{0,299}",
        "up to 300 letters, digits and '_', beginning with a letter or '_'",
    ),
    AfterValidator(_column),
]
BucketName = Annotated[
    str,
    matching(
        "bucket name",
        r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]",
        "3-63 lower-case letters, digits, '-' and '_', beginning and ending with a letter or digit",
    ),
    AfterValidator(_bucket),
]
CollectionName = Annotated[str, AfterValidator(firestore_id)]
DatabaseName = Annotated[
    str,
    matching(
        "Firestore database name",
        r"\(default\)|(?![0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$)[a-z][a-z0-9-]{2,61}[a-z0-9]",
        "(default), or 4-63 lower-case letters, digits and '-', beginning with a letter, not ending with '-', no UUID",
    ),
]
FieldPath = Annotated[
    str,
    matching(
        "path of a Firestore field",
        r"__name__|(?!__.*__$)(?=.{1,1500}$)" + _FIELD + r"(\." + _FIELD + r")*",
        "names of letters, digits and '_' joined by dots; other names in backticks, without '/'",
    ),
]
JobName = Annotated[
    str, matching("Cloud Scheduler job name", r"[A-Za-z0-9_-]{1,500}", "1-500 letters, digits, '-' and '_'")
]
SecretName = Annotated[str, matching("secret name", r"[A-Za-z0-9_-]{1,255}", "1-255 letters, digits, '-' and '_'")]
ServiceAccountName = Annotated[
    str,
    matching(
        "service account name",
        r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "6-30 lower-case letters, digits and '-', beginning with a letter and not ending with '-'",
    ),
]
config_key = matcher(
    "configuration key",
    r"[A-Za-z_][A-Za-z0-9_-]{0,62}(\.[A-Za-z_][A-Za-z0-9_-]{0,62}){0,7}",
    "words of letters, digits, '_' and '-', joined by dots, such as destinations.ingestion",
)
KmsKey = Annotated[
    str,
    matching(
        "name of a Cloud KMS key",
        r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}",
        "projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version",
    ),
]
variable_name = matcher(
    "variable name", r"[A-Za-z_][A-Za-z0-9_]{0,254}", "letters, digits and '_', beginning with a letter or '_'"
)
VariableName = Annotated[str, AfterValidator(variable_name)]
LabelKey = Annotated[
    str,
    matching(
        "label key",
        r"[a-z][a-z0-9_-]{0,62}",
        "1-63 lower-case letters, digits, '_' and '-', beginning with a letter",
    ),
]
LabelValue = Annotated[
    str,
    matching("label value", r"[a-z0-9_-]{0,63}", "up to 63 lower-case letters, digits, '_' and '-'"),
]
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=64 - len(OWN_LABELS)), AfterValidator(_labels)]
CloudRunServiceName = Annotated[
    str,
    matching(
        "Cloud Run service name",
        r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?",
        "1-49 lower-case letters, digits and '-', beginning with a letter and not ending with '-'",
    ),
]
CloudRunJobName = Annotated[
    str,
    matching(
        "Cloud Run job name",
        r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?",
        "1-49 lower-case letters, digits and '-', beginning with a letter and not ending with '-'",
    ),
]
DataflowJobName = Annotated[
    str,
    matching(
        "Dataflow job name",
        r"[a-z]([a-z0-9-]{0,1022}[a-z0-9])?",
        "1-1024 lower-case letters, digits and '-', beginning with a letter and not ending with '-'",
    ),
]
