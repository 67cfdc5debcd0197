"""A variable that is refused is named with its value, and the value may hold a password: that much is not shown."""

from __future__ import annotations

from typing import Callable, Dict

import pytest
from melda.base.errors import ConfigError
from melda.config import base_url, bucket, hub, origins, repository, secret_files

HUB = {"JUPYTERHUB_API_TOKEN": "x", "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}
SERVICE = "JUPYTERHUB_SERVICE_URL"
READERS: Dict[str, Callable[[str], object]] = {
    repository.VARIABLE: repository.parse,
    "AWS_ENDPOINT_URL_S3": bucket.endpoint,
    origins.VARIABLE: origins.parse,
    base_url.VARIABLE: base_url.parse,
    SERVICE: lambda value: hub.from_env({**HUB, SERVICE: value}, 8888),
    "JUPYTERHUB_API_URL": lambda value: hub.from_env(
        {**HUB, SERVICE: "http://0.0.0.0:8888/", "JUPYTERHUB_API_URL": value}, 8888
    ),
    hub.PREFIX: lambda value: hub.from_env({**HUB, SERVICE: "http://0.0.0.0:8888/", hub.PREFIX: value}, 8888),
}
ADDRESSES = (
    "ftp://ada:S3cr3t@host.example/x",
    "ftp://ada:S3c/S3cr3t@host.example/x",
    "ftp://S3cr3t@host.example/x",
    "ftp://ada:S3cr3t%40host.example/x",
    "ada:S3cr3t@host.example/x",
    "ftp://host.example/x?token=S3cr3t",
    "ftp://host.example/x;S3cr3t",
)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_shown_without_its_password(name: str, address: str) -> None:
    with pytest.raises(ConfigError, match=f"^invalid {name}='") as refused:
        READERS[name](address)
    assert "S3cr3t" not in str(refused.value)


@pytest.mark.parametrize("name", [secret_files.TOKEN, secret_files.CREDENTIALS])
def test_a_secret_in_the_place_of_its_files_path_is_not_shown(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^invalid {name}: expected the absolute path of a file$"):
        secret_files.filled_in({name: "S3cr3t"}, 1000)
