"""The variables of the mount."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.errors import ConfigError
from melda.config import bucket, environ

from tests.unit.characters import accepted_characters

LOWER = string.digits + string.ascii_lowercase
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "abc/def+g="}
GOOD = {"BUCKET_NAME": "projects", "PROJECT_FOLDER": "users/ada", **KEYS}


@given(st.text())
def test_a_folder_is_safe_or_refused(value: str) -> None:
    try:
        folder = bucket.project_folder(value)
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    assert folder
    assert not set(folder.split("/")) & {"", ".", ".."}
    assert not any(ord(c) < 32 or ord(c) == 127 for c in folder)
    assert len(folder.encode()) <= 900


@pytest.mark.parametrize("value", ["a", "/users/ada/", "with space/ünïcødé/日本", "..a/b.", "-x"])
def test_folders_that_are_fine(value: str) -> None:
    assert bucket.project_folder(value) == value.strip("/")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        " ",
        "..",
        "a/../b",
        "a/./b",
        "a//b",
        "../x",
        "a\nb",
        "a\x00",
        "a\x7f",
        "a:b",
        "\udcff",
        "a" * 901,
        "a\u2028b",
    ],
)
def test_folders_that_are_not(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid PROJECT_FOLDER="):
        bucket.project_folder(value)


@pytest.mark.parametrize("value", ["abc", "my.bucket-1", "0" * 63])
def test_buckets_that_are_fine(value: str) -> None:
    assert bucket.bucket_name(value) == value


@pytest.mark.parametrize(
    "value", ["", "ab", "-ab", "ab-", "A-b", "a_b", "a..b", "a/b", "a:b", "abc\n", "0" * 64, "-o x"]
)
def test_buckets_that_are_not(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid BUCKET_NAME="):
        bucket.bucket_name(value)


@pytest.mark.parametrize("value", ["", "https://s3.example.org", "http://10.0.0.1:9000", "http://[::1]:9000"])
def test_endpoints_that_are_fine(value: str) -> None:
    assert bucket.endpoint(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "s3.example.org",
        "ftp://x",
        "http://",
        "http://x/path",
        "http://x?y",
        "http://u:p@x",
        "http://x:99999",
        "http://x,y",
        "http://10.0.0.256:9000",
        "http://[:::]:9000",
        "http://[1.2]",
    ],
)
def test_endpoints_that_are_not(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid AWS_ENDPOINT_URL_S3="):
        bucket.endpoint(value)


@given(st.text(min_size=4))
def test_a_secret_is_one_field_of_one_line_or_refused_without_being_shown(value: str) -> None:
    try:
        found = bucket.credentials({**KEYS, "AWS_SECRET_ACCESS_KEY": value})
        assert not set(found.secret) & set(": \n\t\0")
    except ConfigError as error:
        assert value not in str(error)


@pytest.mark.parametrize("name", list(KEYS))
def test_a_missing_key_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^invalid {name}: expected one, as "):
        bucket.from_env({**GOOD, name: ""})


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_REGION": "!!"},
        {"AWS_ENDPOINT_URL_S3": "s3.example.org"},
        {"AWS_CREDENTIAL_EXPIRATION": "x"},
        {"S3FS_PATIENCE": "x"},
        {"S3FS_DEBUG": "9"},
    ],
)
@pytest.mark.parametrize("beside", [{}, {"DATA_BUCKET": "data"}, GOOD])
def test_what_is_set_is_right_with_and_without_a_project_in_a_bucket(
    variables: dict[str, str], beside: dict[str, str]
) -> None:
    ((name, value),) = variables.items()
    with pytest.raises(ConfigError, match=f"^invalid {name}='{value}': expected "):
        environ.requested({**beside, **variables})


def test_what_platforms_and_shells_set_does_no_harm_without_a_bucket() -> None:
    expired = {"AWS_CREDENTIAL_EXPIRATION": "2001-01-02T03:04:05Z"}
    assert environ.requested({"AWS_REGION": "eu-west-1", **expired})["bucket"] is None


def test_no_keys_at_all_means_a_role() -> None:
    found = bucket.from_env({name: value for name, value in GOOD.items() if name not in KEYS})
    assert found is not None
    assert found.credentials == bucket.Credentials("", "", "")


def test_no_bucket_is_a_local_folder() -> None:
    assert bucket.from_env({}) is None
    assert bucket.from_env({"BUCKET_NAME": ""}) is None
    assert bucket.from_env({"PROJECT_FOLDER": "x"}) is None


def test_an_empty_bucket_beside_a_folder_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="^invalid BUCKET_NAME=''"):
        bucket.from_env({"BUCKET_NAME": "", "PROJECT_FOLDER": "x"})


def test_a_fork() -> None:
    found = bucket.from_env({**GOOD, "FORK_OF": "/users/eve/x y/"})
    assert found is not None and found.fork_of == "users/eve/x y"


@pytest.mark.parametrize("value", ["users/ada/", "../eve", "a//b", "a:b", "a\nb", " "])
def test_no_fork(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid FORK_OF=.*"):
        bucket.from_env({**GOOD, "FORK_OF": value})


def test_a_fork_needs_a_bucket() -> None:
    with pytest.raises(ConfigError, match="^invalid FORK_OF='users/eve': expected BUCKET_NAME"):
        bucket.from_env({"FORK_OF": "users/eve"})


def test_all_of_it() -> None:
    found = bucket.from_env(
        {**GOOD, "AWS_SESSION_TOKEN": "t", "AWS_REGION": "eu-west-1", "S3FS_DEBUG": "1", "S3FS_PATIENCE": "60"}
    )
    keys = bucket.Credentials("AKIA1", "abc/def+g=", "t")
    assert found == bucket.Bucket("projects", "users/ada", keys, "", "eu-west-1", True, 60)
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3FS_DEBUG", "yes"),
        ("AWS_REGION", "eu west"),
        ("AWS_REGION", "x\n"),
        ("S3FS_PATIENCE", "0"),
        ("S3FS_PATIENCE", "1h"),
    ],
)
def test_other_settings_that_are_not_right(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^invalid {name}="):
        bucket.from_env({**GOOD, name: value})


def test_the_characters_that_are_fine() -> None:
    assert accepted_characters(bucket.bucket_name, after="aa") == accepted_characters(bucket.bucket_name, "aa") == LOWER
    assert accepted_characters(bucket.bucket_name, "a", "a") == "-." + LOWER
    assert accepted_characters(bucket.region, "a", "a") == "-" + LOWER
    visible = "".join(chr(code) for code in range(33, 127) if chr(code) != ":")
    assert (
        accepted_characters(lambda value: bucket.credentials({**KEYS, "AWS_SESSION_TOKEN": value}), "a", "a") == visible
    )
    assert accepted_characters(bucket.patience, after="0") == string.digits[1:]
    assert accepted_characters(bucket.patience, "1") == string.digits
    # Of what is no letter, digit, dot or dash: the rest cannot follow a host's name.
    assert (
        accepted_characters(bucket.endpoint, "http://a", "a")
        == "-." + string.digits + string.ascii_uppercase + string.ascii_lowercase
    )


def test_limits() -> None:
    assert bucket.project_folder("é" * 450) == "é" * 450
    assert bucket.region("a" * 40) == "a" * 40
    with pytest.raises(ConfigError):
        bucket.region("a" * 41)
    assert [bucket.patience(value) for value in ("", "1", "99999")] == [180, 1, 99999]
    with pytest.raises(ConfigError):
        bucket.patience("100000")
    assert bucket.endpoint("http://x:1") == "http://x:1"
    for wrong in ("http://x:0", "http://x#y", "http://@x"):
        with pytest.raises(ConfigError):
            bucket.endpoint(wrong)


def test_what_is_not_said() -> None:
    found = bucket.from_env(GOOD)
    assert found == bucket.Bucket("projects", "users/ada", bucket.credentials(KEYS), "", "", False)
    assert (found.url, found.patience) == ("s3://projects/users/ada", 180)
    assert bucket.Bucket("x", "y", found.credentials, "", "", False).patience == 180


@pytest.mark.parametrize("name", ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
def test_a_pods_own_role_is_never_exchanged_for_the_nodes(name: str) -> None:
    project = {"BUCKET_NAME": "projects", "PROJECT_FOLDER": "x", name: "/var/run/secrets/token"}
    with pytest.raises(
        ConfigError,
        match=f"^invalid {name} without keys: expected keys .AWS_SHARED_CREDENTIALS_FILE., as s3fs cannot take a pod's own role",
    ):
        bucket.from_env(project)
    assert bucket.from_env({**project, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}), (
        "keys that are given win"
    )
    assert bucket.from_env({**project, name: ""})


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("", "https://s3.us-east-1.amazonaws.com"),
        ("eu-west-1", "https://s3.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://s3.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "https://s3.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "https://s3.us-isob-east-1.sc2s.sgov.gov"),
    ],
)
def test_the_services_of_awss_partitions(region: str, url: str) -> None:
    project = {"BUCKET_NAME": "projects", "PROJECT_FOLDER": "x", "AWS_REGION": region}
    found = bucket.from_env(project)
    assert found and found.url_of_service == url


@pytest.mark.parametrize(
    "value", ["1970-01-01T00:01:40Z", "1970-01-01T00:01:40+00:00", "1970-01-01T01:01:40.000+01:00"]
)
def test_when_keys_expire(value: str) -> None:
    assert bucket.expiration(value, 0) == 100.0
    with pytest.raises(
        ConfigError, match="^invalid AWS_CREDENTIAL_EXPIRATION=.*: expected a moment to come; the keys have exp"
    ):
        bucket.expiration(value, 100.0)
    assert bucket.expiration("", 0) is None


@pytest.mark.parametrize(
    "value", ["tomorrow", "2030-01-02", "2030-13-02T03:04:05Z", "2030-01-02T03:04:05", "1893553445"]
)
def test_what_is_no_moment(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid AWS_CREDENTIAL_EXPIRATION=.*: expected a moment such as 2030"):
        bucket.expiration(value, 0)
