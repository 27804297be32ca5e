"""The refusals of Cloud Storage, in its own words.

Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from localcloud.rest import HttpError


def invalid(message: str) -> HttpError:
    return HttpError(400, "invalid", message)


def required(message: str) -> HttpError:
    return HttpError(400, "required", message)


def no_bucket() -> HttpError:
    return HttpError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> HttpError:
    return HttpError(404, "notFound", f"No such object: {bucket}/{name}")


def no_upload() -> HttpError:
    return HttpError(404, "notFound", "No such upload: its id is unknown, or a week has passed.")


def bucket_exists() -> HttpError:
    return HttpError(
        409, "conflict", "Your previous request to create the named bucket succeeded and you already own it."
    )


def bucket_not_empty() -> HttpError:
    return HttpError(409, "conflict", "The bucket you tried to delete is not empty.")


def condition_not_met() -> HttpError:
    return HttpError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def not_modified() -> HttpError:
    return HttpError(304, "notModified", "Not Modified")


def kept(bucket: str, name: str, why: str) -> HttpError:
    return HttpError(403, "forbidden", f"Object '{bucket}/{name}' {why} and cannot be deleted or overwritten.")


def retention_locked() -> HttpError:
    return HttpError(403, "forbidden", "A locked retention policy can neither be removed nor shortened.")


def range_not_satisfiable() -> HttpError:
    return HttpError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")


def unsupported(what: str) -> HttpError:
    return HttpError(501, "notImplemented", f"localcloud's Cloud Storage does not support {what}")
