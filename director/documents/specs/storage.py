"""Cloud Storage in documents: buckets."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from director.documents.regions import BucketLocation
from director.documents.specs.resource import Link, Resource
from director.names import BucketName, Labels
from director.strict import Strict


class LifecycleAction(Strict):
    """Deletes objects, or moves them to a cheaper class."""

    type: Literal["Delete", "SetStorageClass"]
    storage_class: Literal["NEARLINE", "COLDLINE", "ARCHIVE"] | None = None

    @model_validator(mode="after")
    def _class_where_set(self) -> Self:
        if (self.type == "SetStorageClass") != (self.storage_class is not None):
            raise ValueError("SetStorageClass, and nothing else, has a storage_class; add it or change the type")
        return self


class LifecycleCondition(Strict):
    """When a rule applies to an object: days since it was written."""

    age_in_days: Annotated[int, Field(ge=0, le=36_500)]


class LifecycleRule(Strict):
    """What happens to objects of some age."""

    action: LifecycleAction
    condition: LifecycleCondition


class Bucket(Resource):
    """A Cloud Storage bucket: always with uniform access and closed to the public."""

    name: BucketName
    labels: Labels = Field(default_factory=dict)
    location: BucketLocation | None = None
    storage_class: Literal["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"] = "STANDARD"
    versioning_enabled: bool = False
    lifecycle_rules: Annotated[tuple[LifecycleRule, ...], Field(max_length=100)] = ()
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()
