"""Where variables come from, which are refused, and which reach the user."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base import users
from melda.base.errors import ConfigError
from melda.config import environ, firewall_policy, home
from melda.config.environ import ImageLayout, Settings

from tests.unit.characters import accepted_characters

LETTERS, SIGNS = string.ascii_letters, string.ascii_letters + string.digits
NAMES = st.tuples(st.sampled_from(LETTERS + "_"), st.text(SIGNS + "_", max_size=9)).map("".join)
VALUES = st.tuples(
    st.sampled_from(SIGNS + "/.,@%+-"), st.text(SIGNS + "/.,@%+ -", max_size=18), st.sampled_from(SIGNS + "/")
).map("".join)


@given(st.dictionaries(NAMES, VALUES))
def test_parses_what_user_py_writes(variables: dict[str, str]) -> None:
    text = "# BEGIN melda-jupyter\n" + "".join(f"{k}={v}\n" for k, v in variables.items()) + "# END\n"
    assert environ.parse(text) == variables


@given(st.text())
def test_parses_anything(text: str) -> None:
    assert all(name.isidentifier() for name in environ.parse(text))


def test_parses_quotes_exports_and_comments() -> None:
    text = "A='x y'\nexport B=\"z\"\n#C=1\nnot a variable\nD=\nE=a=b\n"
    assert environ.parse(text) == {"A": "x y", "B": "z", "D": "", "E": "a=b"}


def test_the_file_comes_first_in_path_and_fills_what_is_empty() -> None:
    merged = environ.merged({"PATH": "/src:/bin", "LANG": "x", "UHOME": "/h"}, {"PATH": "/bin:/y", "LANG": ""})
    assert merged == {"PATH": "/src:/bin:/y", "LANG": "x", "UHOME": "/h"}


def test_the_process_wins_over_the_file() -> None:
    assert environ.merged({"LANG": "x"}, {"LANG": "y"})["LANG"] == "y"


@pytest.mark.parametrize("value", ["", "x", "/a/../b", "/a//b", "/a:b", "/a\nb", "/a/./b"])
def test_refuses_a_path_that_is_not_absolute_and_plain(value: str) -> None:
    with pytest.raises(ConfigError, match="UHOME=.*absolute path"):
        home.absolute({"UHOME": value}, "UHOME")


@pytest.mark.parametrize(
    "value", ["/etc", "/usr/src/melda-jupyter", "/root", "/root/", "/var/lib/x", "/", "/proc/1/cwd"]
)
def test_what_is_the_systems_is_not_given_to_the_user(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid UHOME='/"):
        home.from_env({"UHOME": value, "JUPYTER_WORKDIR": value.rstrip("/") + "/project"})
    with pytest.raises(ConfigError, match="^invalid JUPYTER_WORKDIR='/"):
        home.from_env({"UHOME": "/home/me", "JUPYTER_WORKDIR": value})


@pytest.mark.parametrize("value", ["/home/me", "/home/you/project", "/srv/project", "/home/meproject"])
def test_the_project_is_in_the_home(value: str) -> None:
    with pytest.raises(
        ConfigError, match=f"^invalid JUPYTER_WORKDIR='{value}': expected a path below UHOME='/home/me'$"
    ):
        home.from_env({"UHOME": "/home/me", "JUPYTER_WORKDIR": value})
    assert home.from_env({"UHOME": "/home/me/", "JUPYTER_WORKDIR": "/home/me/etc/"}) == ("/home/me", "/home/me/etc")


@given(st.text(min_size=1))
def test_a_token_is_used_as_it_is_or_refused_without_being_shown(value: str) -> None:
    try:
        assert environ.token(value) == value
        assert value.isascii()
        assert value.isprintable()
        assert not set(value) & set(" ,\"'&?#%:;<>")
    except ConfigError as error:
        assert str(error).startswith("invalid JUPYTER_TOKEN")
        canary = "CANARY" + value
        with pytest.raises(ConfigError) as caught:
            environ.token(canary)
        assert canary not in str(caught.value)


@pytest.mark.parametrize("name", ["", "no-such-user", "a\0b", "\udcff"])
def test_refuses_a_user_that_does_not_exist(name: str) -> None:
    with pytest.raises(ConfigError, match="^invalid username="):
        users.find(name)


def test_refuses_root() -> None:
    with pytest.raises(ConfigError, match="expected another user than root"):
        users.find("root")


def test_finds_the_environment_that_has_jupyter(place: ImageLayout) -> None:
    assert environ.python_environment(f"/nope:{place.python_env}/bin") == place.python_env
    with pytest.raises(ConfigError, match="expected a folder in it that holds jupyter"):
        environ.python_environment("/nope")


def test_the_user_sees_no_secret(settings: Settings) -> None:
    hidden = {
        "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
        "AWSACCESSKEYID": "k", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c",
        "ECS_CONTAINER_METADATA_URI_V4": "u", "JUPYTER_TOKEN": "t", "JUPYTER_TOKEN_FILE": "/t",
        "AWS_SHARED_CREDENTIALS_FILE": "/c", "AWS_PROFILE": "p", "SSH_AUTHORIZED_KEYS": "k",
    }  # fmt: skip
    given = settings._replace(variables={**settings.variables, **hidden, "MINE": "1", "HOME": "/root"})
    seen = environ.for_user(given, "/p/Python-3.8.10")
    assert not set(hidden) & set(seen)
    assert seen["MINE"] == "1"
    assert (seen["HOME"], seen["USER"]) == (settings.layout.user.home, "melda")
    assert seen["PYTHONPATH"] == "/p/Python-3.8.10"
    root = environ.for_root(given)
    assert not (set(hidden) | {"MINE", "PYTHONPATH"}) & set(root)


def test_the_users_packages_come_first_and_only_once(settings: Settings) -> None:
    once = environ.for_user(settings._replace(variables={"PYTHONPATH": "/x", "PATH": "/src:/bin"}), "/p")
    twice = environ.for_user(settings._replace(variables=once), "/p")
    for seen in (once, twice):
        assert (seen["VIRTUAL_ENV"], seen["PYTHONPATH"], seen["PATH"]) == ("/p", "/p:/x", "/p/bin:/src:/bin")
        assert seen["NLTK_DATA"] == "/p/share/nltk_data"


def test_what_else_ends_with_the_home_is_kept_in_the_project(settings: Settings) -> None:
    seen = environ.for_user(settings, "/p")
    assert (seen["UV_TOOL_DIR"], seen["UV_TOOL_BIN_DIR"]) == ("/p/share/uv/tools", "/p/bin")
    assert seen["RENV_CONFIG_CACHE_SYMLINKS"] == "FALSE"
    given = settings._replace(variables={**settings.variables, "RENV_CONFIG_CACHE_SYMLINKS": "TRUE"})
    assert environ.for_user(given, "/p")["RENV_CONFIG_CACHE_SYMLINKS"] == "TRUE"


def test_an_r_that_reads_no_profile_finds_the_users_library(settings: Settings) -> None:
    seen = environ.for_user(settings, "/p/Python-3.8.10", "/p/R-4.2.2")
    assert seen["R_LIBS_USER"] == "/p/R-4.2.2:~/R/%p-library/%v", "and what Debian's R uses without it"
    assert "R_LIBS_USER" not in environ.for_user(settings, "/p/Python-3.8.10")
    assert "R_LIBS_USER" not in environ.of_the_image(settings, seen), "it is not followed while root works"


def test_gits_settings_are_in_the_project_and_passwords_in_memory(settings: Settings) -> None:
    seen = environ.for_user(settings, "/p/Python-3.8.10")
    assert seen["GIT_CONFIG_GLOBAL"] == settings.layout.workdir + "/.gitconfig"
    assert seen["GIT_CONFIG_VALUE_0"].startswith("cache ") and seen["GIT_CONFIG_COUNT"] == "2"
    assert not {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_COUNT"} & set(environ.of_the_image(settings, seen))
    given = settings._replace(variables={**settings.variables, "GIT_CONFIG_GLOBAL": "/site"})
    assert environ.for_user(given, "/p")["GIT_CONFIG_GLOBAL"] == "/site"


def test_settings_show_no_secret_when_printed(settings: Settings) -> None:
    shown = repr(settings._replace(token="CANARY"))  # noqa: S106
    assert "CANARY" not in shown


def test_one_quote_is_no_pair() -> None:
    assert environ.parse("A='\nB=''\nC='x\n") == {"A": "'", "B": "", "C": "'x"}


def test_loads_what_the_file_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"PATH": "/bin", "MINE": "1"})
    file = tmp_path / "environment"
    assert environ.load(str(file)) == {"PATH": "/bin", "MINE": "1"}
    file.write_bytes(b"PATH=/src\nLANG=\xff\n")
    assert environ.load(str(file)) == {"PATH": "/src:/bin", "MINE": "1", "LANG": "\udcff"}


def test_the_characters_of_a_token() -> None:
    assert accepted_characters(environ.token, "a", "a") == "".join(
        sorted(string.ascii_letters + string.digits + "._~+/=-")
    )
    assert environ.token("") == ""


@pytest.fixture
def variables(place: ImageLayout) -> dict[str, str]:
    """What a container of this image has."""
    return {
        "username": "nobody", "UHOME": "/home/me/", "JUPYTER_WORKDIR": "/home/me/project", "PATH": place.python_env + "/bin"
    }  # fmt: skip


def test_the_settings_of_a_container(place: ImageLayout, variables: dict[str, str]) -> None:
    asked = {**variables, "JUPYTER_TOKEN": "t", "SSH_AUTHORIZED_KEYS": "# none", "EGRESS": "web"}
    found = environ.settings(asked)
    user = users.find("nobody")._replace(home="/home/me")
    assert found.layout == ImageLayout(user, "/home/me/project", place.python_env)
    assert (found.variables, found.bucket, found.token, found.ssh_keys, found.hub) == (asked, None, "t", (), None)
    assert found.firewall == firewall_policy.FirewallPolicy(None, "web", True, None)


def test_the_firewall_lets_the_mounts_storage_through(variables: dict[str, str]) -> None:
    mount = {"BUCKET_NAME": "projects", "PROJECT_FOLDER": "x", "AWS_ENDPOINT_URL_S3": "http://s3:9000"}
    assert environ.settings({**variables, **mount}).firewall.storage_port == 9000


HUB = {
    "JUPYTERHUB_API_URL": "http://hub:8081/hub/api", "JUPYTERHUB_API_TOKEN": "t", "JUPYTERHUB_CLIENT_ID": "c",
    "JUPYTERHUB_USER": "ada", "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ada/",
}  # fmt: skip


def test_a_hub_needs_its_package_and_a_way_out(place: ImageLayout, variables: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="jupyterhub=true"):
        environ.settings({**variables, **HUB})
    program = Path(place.python_env) / "bin" / "jupyterhub-singleuser"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = environ.settings({**variables, **HUB})
    assert found.hub is not None
    with pytest.raises(ConfigError, match="EGRESS"):
        environ.settings({**variables, **HUB, "EGRESS": "none"})
