"""NOTEBOOK_ARGS: options of Jupyter's server, and none that opens it to somebody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.errors import ConfigError
from melda.config import notebook_args

GOOD = "--MappingKernelManager.cull_idle_timeout=3600"


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("", []),
        (GOOD, [GOOD]),
        (f"  {GOOD}\n--ServerApp.quit_button=False ", [GOOD, "--ServerApp.quit_button=False"]),
        ("--ServerApp.default_url='/lab/tree/a b'", ["--ServerApp.default_url=/lab/tree/a b"]),
        ("--A.b=", ["--A.b="]),
    ],
)
def test_options_as_a_shell_quotes_them(value: str, options: list[str]) -> None:
    assert notebook_args.parse(value) == options


@pytest.mark.parametrize(
    "option",
    [
        "--ServerApp.token", "--IdentityProvider.token", "--ServerApp.password", "--PasswordIdentityProvider.hashed_password",
        "--ServerApp.ip", "--ServerApp.port", "--ServerApp.base_url", "--ServerApp.sock", "--ServerApp.certfile",
        "--ServerApp.allow_origin", "--ServerApp.allow_origin_pat", "--ServerApp.allow_credentials", "--ServerApp.allow_root",
        "--ServerApp.disable_check_xsrf", "--ServerApp.root_dir", "--NotebookApp.notebook_dir", "--ServerApp.tornado_settings",
        "--ServerApp.allow_unauthenticated_access", "--ServerApp.identity_provider_class", "--ServerApp.authorizer_class",
        "--ServerApp.config_file", "--KernelManager.transport", "--KernelManager.ip", "--Session.key", "--Session.keyfile",
        "--ServerApp.jpserver_extensions", "--HubOAuth.allow_all", "--JupyterHubSingleUser.default_url",
        "--JupyterHubIdentityProvider.hub_auth", "--Application.token", "--AllowAllAuthorizer.x", "--ServerApp.cookie_secret",
        "--ServerApp.extra_static_paths", "--LabApp.extra_labextensions_path", "--LabApp.themes_dir", "--LabApp.static_paths",
        "--LabServerApp.static_dir", "--LabApp.app_dir", "--JupyterNotebookApp.settings", "--ExtensionApp.handlers",
        "--ServerApp.extra_services", "--ServerApp.extra_template_paths", "--ContentsManager.files_handler_class",
        "--ServerApp.nbconvert_csp_sandbox",
    ],
)  # fmt: skip
def test_what_changes_who_gets_in_is_refused_and_its_value_is_not_shown(option: str) -> None:
    with pytest.raises(ConfigError) as refused:
        notebook_args.parse(f"{GOOD} {option}=S3cr3t --ServerApp.quit_button=False --ServerApp.allow_root=True")
    line = str(refused.value)
    named = ", ".join(dict.fromkeys([option, "--ServerApp.allow_root"]))
    assert line.startswith(f"invalid NOTEBOOK_ARGS: {named}: expected nothing of Jupyter's address")
    assert "S3cr3t" not in line


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("--ServerApp.token S3cr3t", "--ServerApp.token"),
        ("--token=S3cr3t", "--token"),
        ("--ip=0.0.0.0", "--ip"),
        ("--allow-root", "--allow-root"),
        (f"{GOOD} S3cr3t", "word 2"),
        ("--ServerApp.allow-root=True", "--ServerApp.allow-root"),
        ("--ServerApp.a.ip=S3cr3t", "--ServerApp.a.ip"),
        ("--ServerApp.a='b\nS3cr3t'", "--ServerApp.a"),
        ("-y", "word 1"),
        ("--", "word 1"),
    ],
)
def test_what_is_no_option_is_refused(value: str, named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        notebook_args.parse(value)
    assert str(refused.value).startswith(f"invalid NOTEBOOK_ARGS: {named}: expected options such as --Mapping")
    assert "S3cr3t" not in str(refused.value)


def test_quotes_that_do_not_close() -> None:
    with pytest.raises(ConfigError, match="^invalid NOTEBOOK_ARGS: expected quotes as a shell has them: no closing"):
        notebook_args.parse("--A.b='x")


@given(st.text())
def test_whatever_it_is_it_is_read_or_refused_in_one_line(value: str) -> None:
    try:
        found = notebook_args.parse(value)
    except ConfigError as refused:
        assert str(refused).isprintable()
        return
    assert all(notebook_args.OPTION.fullmatch(option) for option in found)
