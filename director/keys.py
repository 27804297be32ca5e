"""What each kind is called in documents, and each resource at Google: kind and full name. Pure."""

import re

Key = tuple[str, str]

SCHEMAS = "schemas"
TOPICS = "topics"
SUBSCRIPTIONS = "subscriptions"
DATASETS = "bigquery_datasets"
TABLES = "bigquery_tables"
VIEWS = "bigquery_views"
BUCKETS = "gcs_buckets"
COLLECTIONS = "firestore_collections"
DATABASES = "firestore_databases"
INDEXES = "firestore_indexes"
TTLS = "firestore_ttls"
SCHEDULER_JOBS = "cloud_scheduler_jobs"
SECRETS = "secrets"
SERVICE_ACCOUNTS = "service_accounts"
CLOUD_RUN_SERVICES = "cloud_run_services"
CLOUD_RUN_JOBS = "cloud_run_jobs"
DATAFLOW_JOBS = "dataflow_jobs"
CHANNELS = "notification_channels"
ALERT_POLICIES = "alert_policies"

DEFAULT_DATABASE = "(default)"  # the one that Firestore's clients use unless told otherwise


def schema(project: str, name: str) -> Key:
    return SCHEMAS, f"projects/{project}/schemas/{name}"


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


def collection(name: str, database: str = DEFAULT_DATABASE) -> Key:
    return COLLECTIONS, name if database == DEFAULT_DATABASE else f"{database}/{name}"


def database(project: str, name: str) -> Key:
    return DATABASES, f"projects/{project}/databases/{name}"


def index(project: str, database: str, collection: str, fields: str) -> Key:
    """`fields` is what tells it from others: Google's own name for it is minted, and known only afterwards."""
    return INDEXES, f"projects/{project}/databases/{database}/collectionGroups/{collection}/indexes/{fields}"


def ttl(project: str, database: str, collection: str, field: str) -> Key:
    return TTLS, f"projects/{project}/databases/{database}/collectionGroups/{collection}/fields/{field}"


def scheduler_job(project: str, region: str, name: str) -> Key:
    return SCHEDULER_JOBS, f"projects/{project}/locations/{region}/jobs/{name}"


def secret(project: str, name: str) -> Key:
    return SECRETS, f"projects/{project}/secrets/{name}"


def service_account(project: str, name: str) -> Key:
    """By its e-mail address, as policies name it."""
    return SERVICE_ACCOUNTS, f"{name}@{project}.iam.gserviceaccount.com"


def cloud_run_service(project: str, location: str, name: str) -> Key:
    return CLOUD_RUN_SERVICES, f"projects/{project}/locations/{location}/services/{name}"


def cloud_run_job(project: str, location: str, name: str) -> Key:
    return CLOUD_RUN_JOBS, f"projects/{project}/locations/{location}/jobs/{name}"


def dataflow_job(project: str, region: str, name: str) -> Key:
    """By the name that it has among the active jobs of its region: Google mints an id for each launch."""
    return DATAFLOW_JOBS, f"projects/{project}/locations/{region}/jobs/{name}"


def notification_channel(project: str, name: str) -> Key:
    """By its name in the document: Google's own ends in a number, and is known only afterwards."""
    return CHANNELS, f"projects/{project}/notificationChannels/{name}"


def alert_policy(project: str, name: str) -> Key:
    """By its name in the document: Google's own ends in a number, and is known only afterwards."""
    return ALERT_POLICIES, f"projects/{project}/alertPolicies/{name}"


def mentioned(query: str, dataset: str, name: str) -> bool:
    """Whether GoogleSQL speaks of the table or view, in backticks or without."""
    return re.search(rf"(?<![\w-]){re.escape(dataset)}`?\.`?{re.escape(name)}(?![\w-])", query) is not None
