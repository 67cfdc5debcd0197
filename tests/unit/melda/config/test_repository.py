"""GIT_REPOSITORY: an address that git takes for one, without a secret."""

from __future__ import annotations

import pytest
from melda.base.errors import ConfigError
from melda.config import repository


@pytest.mark.parametrize(
    "value",
    [
        "",
        "https://github.com/owner/name",
        "https://git.example.org:8443/a/b/c.git/",
        "http://[::1]:3000/x",
        "https://host/R-4-beginners",
    ],
)
def test_right(value: str) -> None:
    assert repository.parse(f" {value} ") == value


@pytest.mark.parametrize(
    "value",
    [
        "git@github.com:owner/name", "ssh://host/x", "file:///etc", "/etc", "--upload-pack=x", "ext::sh -c x", "https://host",
        "https://host/", "https://host/a b", "https://host/a'b", "https://host/..", "https://user:CANARY@host/x",
        "https://CANARY@host/x", "https://host/x?token=1", "https://host/" + 2000 * "x", "https://host/x\n",
        "https://host/.melda-jupyter", "https://host/a/.melda-jupyter.git/", "https://host/Python-3.11.2", "https://host/R-4.2.2.git",
        "https://host/.gitconfig", "https://host/.git", "https://host/..git", "https://1.2.3.999/x", "https://[:::]/x",
    ],
)  # fmt: skip
def test_wrong(value: str) -> None:
    if value.endswith("\n"):
        assert repository.parse(value) == value.strip()
        return
    with pytest.raises(ConfigError, match="^invalid GIT_REPOSITORY=") as caught:
        repository.parse(value)
    assert "CANARY" not in str(caught.value) and str(caught.value).endswith("without user and password")
