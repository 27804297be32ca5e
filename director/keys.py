"""What each kind is called in documents, and each resource at Google: kind and full name. Pure."""

import re

Key = tuple[str, str]

TOPICS = "topics"
SUBSCRIPTIONS = "subscriptions"
DATASETS = "bigquery_datasets"
TABLES = "bigquery_tables"
VIEWS = "bigquery_views"
BUCKETS = "gcs_buckets"
COLLECTIONS = "firestore_collections"


def topic(project: str, name: str) -> Key:
    return TOPICS, f"projects/{project}/topics/{name}"


def subscription(project: str, name: str) -> Key:
    return SUBSCRIPTIONS, f"projects/{project}/subscriptions/{name}"


def dataset(project: str, name: str) -> Key:
    return DATASETS, f"{project}.{name}"


def table(project: str, dataset: str, name: str) -> Key:
    return TABLES, f"{project}.{dataset}.{name}"


def view(project: str, dataset: str, name: str) -> Key:
    return VIEWS, f"{project}.{dataset}.{name}"


def bucket(name: str) -> Key:
    return BUCKETS, name


def collection(name: str) -> Key:
    return COLLECTIONS, name


def mentioned(query: str, dataset: str, name: str) -> bool:
    """Whether GoogleSQL speaks of the table or view, in backticks or without."""
    return re.search(rf"(?<![\w-]){re.escape(dataset)}`?\.`?{re.escape(name)}(?![\w-])", query) is not None
