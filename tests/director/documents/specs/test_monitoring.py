"""Cloud Monitoring in documents: what is refused, and what people are told to do."""

from pathlib import Path
from typing import Any

import pytest

from director.strict import DocumentError
from tests.director.resources.plants import blueprint

FILTER = 'metric.type="a" AND resource.type="b"'
THRESHOLD = {"filter": FILTER, "comparison": "above", "value": 1, "duration": "5m"}
CONDITION = {"name": "high", "threshold": THRESHOLD}
EMAIL = {"name": "oncall", "type": "email", "channel_labels": {"email_address": "a@example.com"}}


def refused(folder: Path, **resources: Any) -> str:
    with pytest.raises(DocumentError) as raised:
        blueprint(folder, **resources)
    return str(raised.value)


def threshold(**fields: Any) -> dict[str, Any]:
    return {"conditions": [{"name": "high", "threshold": {**THRESHOLD, **fields}}]}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "slack"}, "type"),
        ({"channel_labels": {}}, "a channel of type email has exactly email_address"),
        ({"channel_labels": {"email_address": "nobody"}}, "is no e-mail address"),
        ({"type": "webhook_tokenauth", "channel_labels": {"url": "http://example.com"}}, "must be https"),
        ({"type": "webhook_tokenauth", "channel_labels": {"url": "https://example.com?auth_token=x"}}, "no query"),
        ({"type": "pubsub", "channel_labels": {"topic": "alerts"}}, "no topic 'alerts' here"),
        ({"labels": {"resource": "x"}}, "'resource' is set by the director itself"),
        ({"name": "On Call"}, "is no name"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_with_what_to_do(tmp_path: Path, fields: Any, said: str) -> None:
    assert said in refused(tmp_path, notification_channels=[{**EMAIL, **fields}])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"conditions": []}, "at least 1"),
        ({"conditions": [CONDITION] * 7}, "at most 6"),
        ({"conditions": [CONDITION, CONDITION]}, "'high' is there twice"),
        ({"conditions": [{"name": "none"}]}, "write exactly one"),
        ({"conditions": [{**CONDITION, "promql": {"query": "up"}}]}, "write exactly one"),
        (threshold(filter='metric.type="a"'), "names no metric.type or no resource.type"),
        (threshold(duration="90s"), "counts whole minutes"),
        (threshold(comparison="equal"), "comparison"),
        (threshold(duration="0s", missing_data="violation"), "needs a duration of 1m or more"),
        (threshold(aggregations=[{"per_series_aligner": "ALIGN_MAXIMUM"}]), "ALIGN_MAX"),
        (
            threshold(aggregations=[{"per_series_aligner": "ALIGN_MAX", "group_by_fields": ["x"]}]),
            "without a cross_series_reducer nothing is grouped",
        ),
        (
            {"conditions": [{"name": "gone", "absent": {"filter": FILTER, "duration": "1m"}}]},
            "from 2m to 1d",
        ),
        (
            {"conditions": [{"name": "x", "promql": {"query": "up", "evaluation_interval": "45s"}}]},
            "must be a multiple of 30s",
        ),
        ({"channels": ["oncal"]}, "no notification channel 'oncal' here; did you mean 'oncall'?"),
        ({"auto_close": "1m"}, "from 30m to 7d"),
        ({"severity": "BAD"}, "severity"),
        ({"labels": {"resource": "x"}}, "'resource' is set by the director itself"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_what_to_do(tmp_path: Path, fields: Any, said: str) -> None:
    policy = {"name": "backlog", "conditions": [CONDITION], **fields}
    assert said in refused(tmp_path, alert_policies=[policy], notification_channels=[EMAIL])


def test_channels_may_be_named_in_full(tmp_path: Path) -> None:
    policy = {"name": "backlog", "conditions": [CONDITION], "channels": ["projects/p-1/notificationChannels/42"]}
    blueprint(tmp_path, alert_policies=[policy])
