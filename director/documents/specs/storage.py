"""Cloud Storage in documents: buckets."""

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import BucketLocation
from director.documents.specs.resource import Link, Resource
from director.names import BucketName, KmsKey, Labels
from director.strict import Duration, Strict, between

StorageClass = Literal["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"]
Days = Annotated[int, Field(ge=0, le=36_500)]
Parts = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...], Field(max_length=50)]
UPLOADS = "AbortIncompleteMultipartUpload"
OF_UPLOADS = frozenset({"age_in_days", "matches_prefix", "matches_suffix"})


class LifecycleAction(Strict):
    """Deletes objects, moves them to a cheaper class, or clears away uploads that were never finished."""

    type: Literal["Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"]
    storage_class: Literal["NEARLINE", "COLDLINE", "ARCHIVE"] | None = None

    @model_validator(mode="after")
    def _class_where_set(self) -> Self:
        if (self.type == "SetStorageClass") != (self.storage_class is not None):
            raise ValueError("SetStorageClass, and nothing else, has a storage_class; add it or change the type")
        return self


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"{text!r} is no day; write one as 2026-01-31, in quotes") from error


class LifecycleCondition(Strict):
    """When a rule applies to an object: where everything that is said here holds."""

    age_in_days: Days | None = None
    created_before: Annotated[str, AfterValidator(_day)] | None = None
    is_live: bool | None = None
    num_newer_versions: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    days_since_noncurrent: Days | None = None
    matches_storage_class: Annotated[tuple[StorageClass, ...], Field(max_length=4)] = ()
    matches_prefix: Parts = ()
    matches_suffix: Parts = ()

    @property
    def said(self) -> frozenset[str]:
        return frozenset(name for name in type(self).model_fields if getattr(self, name) not in (None, ()))

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.said:
            raise ValueError("is empty, and would hold for every object; add a condition such as age_in_days")
        return self


class LifecycleRule(Strict):
    """What happens to which objects."""

    action: LifecycleAction
    condition: LifecycleCondition

    @model_validator(mode="after")
    def _conditions_of_uploads(self) -> Self:
        other = sorted(self.condition.said - OF_UPLOADS)
        if self.action.type == UPLOADS and other:
            raise ValueError(f"{other[0]}: {UPLOADS} knows {', '.join(sorted(OF_UPLOADS))} only; remove it")
        return self


class RetentionPolicy(Strict):
    """How long nobody may delete or overwrite an object; 0s is none. `locked` holds for ever: nobody can undo it."""

    duration: Annotated[Duration, between("0s", "36500d")]
    locked: bool = False

    @model_validator(mode="after")
    def _locks_something(self) -> Self:
        if self.locked and not self.duration:
            raise ValueError("locked: there is nothing to lock without a duration; add one or remove it")
        if self.duration % timedelta(seconds=1):
            raise ValueError("duration: Cloud Storage counts whole seconds; round it")
        return self


class SoftDeletePolicy(Strict):
    """How long deleted objects can be brought back; 0s is not at all."""

    duration: Annotated[Duration, between("0s", "90d")]

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if timedelta() < self.duration < timedelta(days=7) or self.duration % timedelta(seconds=1):
            raise ValueError("duration: is shorter than 7d or not of whole seconds; write 0s, or from 7d to 90d")
        return self


class Autoclass(Strict):
    """Whether Cloud Storage itself moves objects between classes, down to the coldest that is named."""

    enabled: bool = True
    terminal_storage_class: Literal["NEARLINE", "ARCHIVE"] = "NEARLINE"


class Bucket(Resource):
    """A Cloud Storage bucket: always with uniform access and closed to the public.

    What may be None stays as it is where nothing is said: leaving it out may not weaken what protects the objects.
    """

    name: BucketName
    labels: Labels = Field(default_factory=dict)
    location: BucketLocation | None = None
    storage_class: StorageClass = "STANDARD"
    versioning_enabled: bool = False
    lifecycle_rules: Annotated[tuple[LifecycleRule, ...], Field(max_length=100)] = ()
    retention_policy: RetentionPolicy | None = None
    soft_delete_policy: SoftDeletePolicy | None = None
    default_event_based_hold: bool | None = None
    default_kms_key_name: KmsKey | None = None
    autoclass: Autoclass | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()

    @model_validator(mode="after")
    def _classes_by_one_rule(self) -> Self:
        if self.autoclass is None or not self.autoclass.enabled:
            return self
        if self.storage_class != "STANDARD":
            raise ValueError("storage_class: with autoclass objects begin as STANDARD; remove one of the two")
        for rule in self.lifecycle_rules:
            if rule.action.type == "SetStorageClass" or rule.condition.matches_storage_class:
                raise ValueError("lifecycle_rules: with autoclass no rule may speak of classes; remove one of the two")
        return self
