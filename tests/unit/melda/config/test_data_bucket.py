"""DATA_BUCKET and DATA_FOLDER, checked."""

from __future__ import annotations

import pytest
from melda.base.errors import ConfigError
from melda.config import data_bucket

KEYS = {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "CANARY"}


def test_nothing_asked_for_is_nothing() -> None:
    assert data_bucket.from_env({**KEYS, "BUCKET_NAME": "projects"}) is None
    assert data_bucket.from_env({"DATA_BUCKET": "", "DATA_FOLDER": ""}) is None


@pytest.mark.parametrize(("folder", "url"), [("", "s3://data/"), ("/sets/2026/", "s3://data/sets/2026")])
def test_a_bucket_or_a_folder_of_one(folder: str, url: str) -> None:
    more = {"AWS_ENDPOINT_URL_S3": "http://s3:9000", "AWS_REGION": "eu-west-1"}
    found = data_bucket.from_env({**KEYS, **more, "DATA_BUCKET": "data", "DATA_FOLDER": folder})
    assert found is not None
    assert (found.url, found.url_of_service, found.region) == (url, "http://s3:9000", "eu-west-1")
    assert (found.credentials.key, found.variable) == ("KEY", "DATA_BUCKET")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"DATA_BUCKET": "My_Data"}, "invalid DATA_BUCKET='My_Data'"),
        ({"DATA_BUCKET": "data", "DATA_FOLDER": "a/../b"}, "invalid DATA_FOLDER='a/../b'"),
        ({"DATA_FOLDER": "sets"}, "invalid DATA_FOLDER='sets': expected DATA_BUCKET beside it"),
        (
            {"DATA_BUCKET": "data", "AWS_SECRET_ACCESS_KEY": ""},
            "invalid AWS_SECRET_ACCESS_KEY: expected one, as AWS_ACCESS",
        ),
    ],
)
def test_what_is_not_right_is_said_by_its_name(values: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match="^" + said.replace(".", r"\.")):
        data_bucket.from_env({**KEYS, **values})
