"""A register in BigQuery: a table or view with one row for each device."""

import time
from collections.abc import Callable, Collection

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from requests.exceptions import RequestException

from beam_jobs.enrichment.cache.layers import ABSENT, Entry, LayerUnavailable
from beam_jobs.enrichment.cache.records import Records

TIMEOUT_SECONDS = 10.0


class BigQuerySource:
    """Rows of `table` (`project.dataset.table`) by the text in the column `key`.

    The time of reading is that of asking, by `now`, seconds since 1970. Of several rows with one key any is taken.
    """

    name = "bigquery"

    def __init__(
        self,
        client: bigquery.Client,
        table: str,
        key: str,
        records: Records,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._key = key
        columns = ", ".join(f"`{column}`" for column in sorted({key, *(_column(field) for field in records.fields)}))
        # Names come from the configuration, which takes none with a backtick in it.
        self._query = f"SELECT {columns} FROM `{table}` WHERE `{key}` IN UNNEST(@keys)"  # noqa: S608
        self._records = records
        self._now = now

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        asked_at = int(self._now() * 1e6)
        entries = dict.fromkeys(keys, Entry(ABSENT, asked_at))
        for row in self._rows(sorted(keys)):
            entries[row[self._key]] = Entry(self._records.block(dict(row)), asked_at)
        return entries

    def _rows(self, keys: list[str]) -> list[bigquery.Row]:
        parameters = [bigquery.ArrayQueryParameter("keys", "STRING", keys)]
        try:
            return list(
                self._client.query_and_wait(
                    self._query,
                    job_config=bigquery.QueryJobConfig(query_parameters=parameters),
                    api_timeout=TIMEOUT_SECONDS,
                    wait_timeout=TIMEOUT_SECONDS,
                    retry=None,
                    job_retry=None,
                )
            )
        except (GoogleAPICallError, GoogleAuthError, RetryError, RequestException, TimeoutError) as error:
            raise LayerUnavailable(f"BigQuery: {error}") from error


def _column(field: str) -> str:
    """Column names hold no dots: what comes after one is a path into the column."""
    return field.split(".")[0]
