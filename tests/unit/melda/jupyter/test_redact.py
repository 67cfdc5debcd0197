"""What the log of Jupyter's process does not say."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.jupyter import redact

TOKEN = "CANARY-token/of+the~server="
TOKENS = st.text(st.sampled_from("abcXYZ019._~+/=-"), min_size=redact.SHORTEST, max_size=64)


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger whose records are redacted, and what its handler writes."""
    before, stream = logging.getLogRecordFactory(), io.StringIO()
    logger, handler = logging.Logger("of-an-extension"), logging.StreamHandler(stream)
    logger.addHandler(handler)
    redact.install([TOKEN])
    yield logger, stream
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize(
    "text",
    [
        "404 GET /api/contents/nope?token={0} (@127.0.0.1) 1.00ms referer=None",
        "302 GET /login?next=%2Ftree%3Ftoken%3D{0} ()",
        "403 GET /a referer=http://x/?a=b&token={0}",
        '{{"Referer": "http://x/?token={0}"}}',
        "uri='/x?access_token={0}', version",
        "?%74oken={0}",
        "Authorization: token {0}",
        '{{"Authorization": "Bearer {0}", "Host": "x"}}',
        "'Cookie': 'a=1; b={0}'",
        "/nope/{0}",
        "?TOKEN={0}&a=b",
    ],
)
def test_a_token_wherever_it_stands(log: tuple[logging.Logger, io.StringIO], text: str) -> None:
    logger, stream = log
    for token in (TOKEN, quote(TOKEN, safe=""), quote(quote(TOKEN, safe="")), "".join(f"%{ord(c):02X}" for c in TOKEN)):
        logger.warning(text.format(token))
        logger.warning("%s", text.format(token))
        assert token not in stream.getvalue()
        assert "CANARY" not in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 8


@pytest.mark.parametrize("name", ["token", "access_token", "_xsrf", "Token", "next=%2Fa%3Ftoken"])
def test_what_is_called_a_token_whatever_it_is(name: str) -> None:
    equals = "%3D" if "%" in name else "="
    text = redact.redactor([])(f"GET /x?a=1&{name}{equals}T&b=2 (@::1)")
    assert text == f"GET /x?a=1&{name}{equals}[secret]&b=2 (@::1)"


def test_everything_else_stays(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    lines = ["200 GET /api/contents?type=file (@127.0.0.1) 1.00ms", "the token was refused", "tokens: 3", "%d of %s"]
    for line in lines:
        logger.warning(line)
    logger.warning("%d of %s", 1, "two")
    logger.warning("%(a)s", {"a": "three"})
    assert stream.getvalue().splitlines() == [*lines, "1 of two", "three"]


def test_exceptions_and_stacks(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    try:
        raise ValueError(f"no {TOKEN}")
    except ValueError as error:
        logger.exception("failed")
        logger.error(error)
    logger.error("without one", exc_info=True)
    logger.error(TOKEN, stack_info=True)
    output = stream.getvalue()
    assert "CANARY-token" not in output.replace('TOKEN = "', "")
    assert "ValueError: no [secret]" in output and "Traceback" in output


def test_arguments_that_do_not_fit_are_no_way_out(
    log: tuple[logging.Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    logger, stream = log
    logger.warning("%d", f"?token={TOKEN}")
    assert "CANARY" not in stream.getvalue() + capsys.readouterr().err


def test_an_event_stays_an_event(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.warning({"a": 1})
    assert stream.getvalue() == "{'a': 1}\n"


def test_a_short_token_does_not_make_the_log_unreadable() -> None:
    assert redact.redactor(["a"])("a banana?token=a") == "a banana?token=[secret]"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://pu:PrOx%40ypass@192.0.2.1:9", "('pu', '[secret]')"),
        ("http://pu:a@192.0.2.1:9", "('pu', '[secret]')"),
        ("https://ghp_aTokenAsUser@index.example", "('[secret]', '')"),
        ("http://192.0.2.1:9", "('192.0.2.1', '9')"),
    ],
)
def test_passwords_of_addresses_in_variables(address: str, shown: str) -> None:
    """As JupyterLab shows a proxy at each start; and as anybody may show the address, or the password alone."""
    hide = redact.redactor(redact.of_addresses({"A": "x", "PIP_EXTRA_INDEX_URL": f"https://other/ {address}"}))
    host, _, port = urlsplit(address).netloc.partition(":")
    assert hide(f"{(host, port)}") == shown
    assert not re.search("PrOx|ghp_", hide(f"no way to {address}/simple"))


def test_a_password_of_an_address_alone() -> None:
    hide = redact.redactor(redact.of_addresses({"http_proxy": "http://pu:PrOx%40ypass@192.0.2.1:9"}))
    assert hide("PrOx@ypass, PrOx%40ypass, PrOx%2540ypass") == "[secret], [secret], [secret]"


@pytest.mark.parametrize("more", [":x", ":", "", ":x-oauth-basic"])
@pytest.mark.parametrize("host", ["h", "packages.internal.example.com"])
def test_a_token_that_is_the_user_of_an_address(host: str, more: str) -> None:
    hide = redact.redactor(redact.of_addresses({"PIP_INDEX_URL": f"https://k9Xw27LqPz41Tb8s{more}@{host}/simple"}))
    assert (
        "k9Xw27" not in hide(f"https://k9Xw27LqPz41Tb8s{more}@{host}/simple k9Xw27LqPz41Tb8s")
        or more == ":x-oauth-basic"
    )
    assert "k9Xw27" not in hide(f"no way to https://k9Xw27LqPz41Tb8s{more}@{host}/simple")


def test_a_word_that_is_the_user_of_an_address_stays_readable() -> None:
    hide = redact.redactor(redact.of_addresses({"DATABASE": "postgresql://postgres@db", "LONG": "x" * 200_000}))
    assert hide("postgresql starts") == "postgresql starts"


@pytest.mark.parametrize("name", ["access_token_xsrf", "tokentoken", "xsrf-token.x", "_xsrf" * 30])
def test_a_name_of_several_names(name: str) -> None:
    assert redact.redactor([])(f"/x?{name}=T&b=2") == f"/x?{name}=[secret]&b=2"


def taken(text: str) -> float:
    """The least of some times: of the processor's, for the machine may do something else meanwhile."""
    hide, times = redact.redactor([TOKEN]), []
    for _ in range(5):
        began = time.thread_time()
        hide(text)
        times.append(time.thread_time() - began)
    return min(times)


@pytest.mark.parametrize(
    "piece",
    ["xsrf", "token", "TOKENxsrf_", "xsrf%25", "token%3", "token=%25", "cookie ", "set-cookie\n", "cookie:\n", "authorization:",
     "x-xsrftoken", "=", "%25", "%2525", "CANARY-token", "%43%41", " ", "a"],
)  # fmt: skip
def test_a_stranger_cannot_make_it_slow(piece: str) -> None:
    """Whoever may send a request chooses 32 KB of a line, and nobody is served while it is looked at."""
    short, long = (f"404 GET /{piece * (size // len(piece))} (192.0.2.1)" for size in (4_000, 32_000))
    assert taken(long) < 24 * taken(short), "eight times the length; the square would be 64"


@given(TOKENS, st.text(), st.text())
def test_a_known_token_in_any_text(token: str, before: str, after: str) -> None:
    assert token not in redact.redactor([token])(before + token + after).replace("[secret]", "\0")
