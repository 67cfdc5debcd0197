"""Whatever a variable holds: it is taken, or refused in one short line that shows no secret, and nothing else is raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.config import environ, hub
from melda.config.environ import ImageLayout

from builder import container

# As long as one variable can be (MAX_ARG_STRLEN of Linux).
LONG = 130_000
SECRET = "S3cr3t"  # noqa: S105
NUMBERS = (
    "０", "８０８０", "٣٦٠٠", "0003600", "-1", "+3600", "3600.0", "1e3", "0x10", "3_600", " 3600", "3600 ", "3600\n", "\xa03600",
    "9" * 5000, "1" * LONG, "9999999999", "0", "10s", "inf", "nan",
)  # fmt: skip
TEXTS = (
    " ", " \t ", "\n", "a\nb", "a\r\nX: b", "a\0b", "\x1b[2J\a", "\udcff", "\u202eabc", "\ufeffauto", "a\u2028b", "é" * 2000,
    "a" * LONG, "," * LONG, "/" * LONG, "'", '"', "\\", "$(id)", "; id", "%s%n{}", "{0}", "--upload-pack=id", "-", "..",
    "../..", "/", "//", "a//b", "*", ",,,", "True", "AUTO", '{"a": 1}', "[]", "0.0.0.0/0", "::/0", "::ffff:10.0.0.1",
    "fe80::1%eth0", "http://[::1",
    "http://a:-1/",
    "http://a:99999999/", "http://a:８０/", "http://[::ffff:1.2.3.4]/", "http://a b/", "//a",
    "file:///etc/passwd", "ext::sh -c id",
    "auto ", "web\n", "1\n", "text\n",
)  # fmt: skip
SECRETS = (
    f"https://ada:{SECRET}@host.example/x", f"s3://ada:{SECRET}@bucket/x", f"https://host.example/x?token={SECRET}",
    f"ada:{SECRET}@host.example", f"ssh-rsa https://ada:{SECRET}@host.example/",
)  # fmt: skip
BUCKET = {
    "BUCKET_NAME": "projects", "PROJECT_FOLDER": "ada", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
}  # fmt: skip
HUB = {
    hub.TOKEN: "t", hub.PREFIX: "/user/ada/", "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ada/",
    "JUPYTERHUB_API_URL": "http://hub:8081/hub/api",
}  # fmt: skip
PROXIES = ("http_proxy", "HTTPS_PROXY", "all_proxy")
OF_THE_IMAGE = ("username", "UHOME", "JUPYTER_WORKDIR", "PATH", "LANG")
ALL = (*container.PASSED, *HUB, *OF_THE_IMAGE, *PROXIES)
ARE_NUMBERS = ("JUPYTER_PORT", "IDLE_SECONDS", "STOP_SECONDS", "S3FS_PATIENCE")
ARE_WORDS = ("EGRESS", "IPV6", "UPGRADE", "LOG_FORMAT", "S3FS_DEBUG")
HIDDEN = (*container.SECRET, hub.TOKEN)
LONGEST = 500  # characters of a line


@pytest.fixture
def bases(place: ImageLayout) -> list[dict[str, str]]:
    """Containers without anything, with a bucket, and behind a hub."""
    (Path(place.python_env) / hub.PROGRAM).touch()
    image = {
        "username": "nobody",
        "UHOME": "/home/me",
        "JUPYTER_WORKDIR": "/home/me/project",
        "PATH": place.python_env + "/bin",
    }
    return [image, {**image, **BUCKET}, {**image, **HUB}]


def refusal(variables: dict[str, str]) -> str:
    """Why they are refused; empty: they are taken. Whatever else is raised is a mistake of ours."""
    try:
        environ.settings(variables)
    except ConfigError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("name", ALL)
def test_a_variable_is_taken_or_refused_in_one_short_line(bases: list[dict[str, str]], name: str) -> None:
    values = (*NUMBERS, *TEXTS, *SECRETS)
    lines = [(value, refusal({**base, name: value})) for base in bases for value in values if len(value) < LONG]
    # They cost the most: where it is read, once.
    base = bases[2 if name in HUB else 1]
    lines += [(value, refusal({**base, name: value})) for value in values if len(value) >= LONG]
    assert [line for _, line in lines if not line.isprintable()] == []
    assert [line[:LONGEST] for _, line in lines if len(line) > LONGEST] == []
    assert [line for value, line in lines if SECRET in line] == []
    if name in HIDDEN:
        assert [line for value, line in lines if len(value) > 8 and value in line] == []


@pytest.mark.parametrize("name", ARE_NUMBERS)
def test_a_number_is_written_in_digits_alone(bases: list[dict[str, str]], name: str) -> None:
    wrong = {value: refusal({**bases[1], name: value}) for value in (*NUMBERS, *TEXTS)}
    assert [value for value, line in wrong.items() if not line.startswith(f"invalid {name}=")] == []


@pytest.mark.parametrize("name", ARE_WORDS)
def test_a_word_is_one_of_those_that_are_expected(bases: list[dict[str, str]], name: str) -> None:
    wrong = {
        value: refusal({**bases[1], name: value})
        for value in (*NUMBERS, *TEXTS)
        if (name, value) != ("S3FS_DEBUG", "0")
    }
    assert [value for value, line in wrong.items() if not line.startswith(f"invalid {name}=")] == []


@pytest.mark.parametrize("name", ["JUPYTER_TOKEN", hub.TOKEN])
def test_a_token_is_not_longer_than_its_readers_read(bases: list[dict[str, str]], name: str) -> None:
    base = bases[2 if name == hub.TOKEN else 0]
    assert not refusal({**base, name: "a" * 4096})
    assert refusal({**base, name: "a" * 4097}).startswith(f"invalid {name}: ")


@pytest.mark.parametrize(
    ("value", "meant"), [("::ffff:10.0.0.1", "10.0.0.1/32"), ("::ffff:10.0.0.0/104", "10.0.0.0/8")]
)
def test_an_ipv4_address_in_ipv6_is_nobodys(bases: list[dict[str, str]], value: str, meant: str) -> None:
    line = refusal({**bases[0], "PGEO_IPS": value})
    assert line == f"invalid PGEO_IPS={value!r}: expected it as IPv4, {meant}"
