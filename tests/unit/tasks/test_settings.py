"""tasks/settings.py: no setting that goes into a shell, an R string or an apt file can end it."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.settings import RULES, problems
from tests.operations.conftest import settings
from tests.unit.characters import accepted_characters
from tests.unit.melda.config.test_hostile_values import NUMBERS, SECRET, SECRETS, TEXTS

PLACES = ("uhome", "jupyter_workdir", "src", "python_env")
URLS = ("cran_mirror", "r2u_mirror", "r_mirror", "apt_mirror", "pypi_index", "apt_proxy")
NAMES = ("packages", "username", "locale", "r2u_fingerprint", "r2u_suite")
# What ends a word or a string, or means something, in a shell, in R, in sources files or in /etc/environment.
BAD = "".join(set(string.punctuation + string.whitespace) - set("-._/~%:[]")) + "\0\x0b\x1b\x7f\x85\u2028\u00a0é"
RIGHT = settings()
PIECES = st.sampled_from(
    [
        "/",
        "/home",
        "/opt",
        "/srv/x",
        "https://",
        "http://h",
        "a",
        "Z",
        "0",
        "-",
        "_",
        ".",
        "..",
        "~",
        "%41",
        ":80",
        "en_US",
        ".UTF-8",
        "F" * 40,
    ]
)
GUESSES = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(PIECES, st.sampled_from(list(BAD))), max_size=6).map("".join),
    st.builds(
        lambda value, at, bad: value[:at] + bad + value[at:],
        st.sampled_from([RIGHT[name] for name in PLACES + URLS + NAMES]),
        st.integers(0, 60),
        st.sampled_from(list(BAD)),
    ),
)


@pytest.mark.parametrize("name", PLACES + URLS + NAMES)
@given(value=GUESSES)
def test_nothing_that_could_end_a_word_is_accepted(name: str, value: str) -> None:
    if RULES[name].accepts(value):
        assert not set(value) & set(BAD)
        assert value.isascii() and value.isprintable()
        assert name not in PLACES or (value.startswith("/") and ".." not in value.split("/"))
        assert name in URLS or not set(value) & set("~%:[]")


@pytest.mark.parametrize("name", PLACES + URLS + NAMES)
@given(data=st.data())
def test_a_right_value_with_one_bad_character_is_wrong(name: str, data: st.DataObject) -> None:
    value = RIGHT[name] or ("http://h:80" if name in URLS else "focal")
    at = data.draw(st.integers(0, len(value)))
    bad = data.draw(st.sampled_from(list(BAD)))
    assert RULES[name].accepts(value)
    assert not RULES[name].accepts(value[:at] + bad + value[at:])


ANYTHING: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
)


@given(name=st.sampled_from(sorted(RULES)), value=ANYTHING)
def test_whatever_is_given_the_answer_is_one_line_or_none(name: str, value: Any) -> None:
    for problem in problems(RIGHT | {name: value}):
        assert problem.startswith(f"invalid {name}=") and problem.isprintable()


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_missing_setting_is_named(name: str) -> None:
    found = problems({key: value for key, value in RIGHT.items() if key != name})
    assert len(found) == 1 and found[0].startswith(f"invalid {name}=None: expected ")


@given(st.text())
def test_a_password_is_never_shown(password: str) -> None:
    (found,) = problems(RIGHT | {"cran_mirror": f"https://jo:secret{password}secret@mirror/"})
    assert "secret" not in found


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("cran_mirror", "https://mirror/x?token=S3cr3t", "'https://mirror/x?***'"),
        ("ca_bundle", "-----BEGIN CERTIFICATE-----\nS3cr3t\n", "'-----BEGIN ***'"),
        ("netrc", "machine mirror login ada password S3cr3t", "'machine ***'"),
        ("ssh_public_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nS3cr3t\n", "'-----BEGIN ***'"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(name: str, value: str, shown: str) -> None:
    (found,) = problems(RIGHT | {name: value})
    assert found.startswith(f"invalid {name}={shown}: expected ")


@pytest.mark.parametrize("name", sorted(RULES))
def test_whatever_it_is_its_line_is_short_and_shows_no_secret(name: str) -> None:
    for value in (*NUMBERS, *TEXTS, *SECRETS):
        for line in problems(RIGHT | {name: value}):
            assert line.isprintable() and len(line) < 500 and SECRET not in line, line[:500]


ALNUM = string.digits + string.ascii_letters
LOWER = string.digits + string.ascii_lowercase


@pytest.mark.parametrize(
    ("name", "before", "after", "fine"),
    [
        ("cran_mirror", "http://a", "a", ALNUM + ".-/"),  # a slash begins the path
        ("cran_mirror", "http://a/b", "", ALNUM + "._~/%-"),
        ("apt_proxy", "http://a", "a", ALNUM + ".-"),
        ("apt_proxy", "http://a:", "1", "123456789"),
        ("http_proxy", "http://[::1", "]:80", string.hexdigits),
        ("http_proxy", "http://a", "a", ALNUM + ".-@"),  # all before an @ is a name
        ("http_proxy", "http://u", "w@h", ALNUM + "._~%!$&*+,;=:-"),
        ("no_proxy", "", "", ALNUM + ".,:/*[] _-"),
        ("mirror", "/", "", ALNUM + "_"),
        ("mirror", "/a", "", ALNUM + "._-"),
        ("username", "", "", string.ascii_lowercase),
        ("username", "a", "", LOWER + "_-"),
        ("src", "/opt/", "", ALNUM + "_"),
        ("src", "/opt/a", "", ALNUM + "._-"),
        ("r2u_suite", "a", "", string.ascii_lowercase),
        ("r2u_fingerprint", "A" * 39, "", string.digits + "ABCDEF"),
    ],
)
def test_the_characters_that_are_fine(name: str, before: str, after: str, fine: str) -> None:
    assert set(accepted_characters(RULES[name].accepts, before, after)) == set(fine)


@pytest.mark.parametrize(
    ("name", "shortest", "longest"),
    [
        ("username", "a", "a" * 32),
        ("locale", "en.UTF-8", "fil.UTF-8"),
        ("apt_cache_time", 0, 365 * 86400),
        ("http_proxy", "http://p", "http://jo:x@p:1/"),
        ("apt_proxy", "http://p", "http://p:1/"),
        ("cran_mirror", "http://m", "https://m/"),
        ("mirror", "/a", "/a/b/c"),
    ],
)
def test_the_shortest_and_the_longest(name: str, shortest: Any, longest: Any) -> None:
    assert problems(RIGHT | {name: shortest}) == problems(RIGHT | {name: longest}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("username", "a" * 33), ("locale", "e.UTF-8"), ("locale", "engl.UTF-8"), ("apt_cache_time", 365 * 86400 + 1),
        ("http_proxy", "http://"), ("http_proxy", "http://@p"), ("apt_proxy", "http://"), ("cran_mirror", "http://"),
        ("apt_proxy", "http://1.2.3.999:3142"), ("http_proxy", "http://a:b@[:::]:3"), ("cran_mirror", "https://[1.2]/x"),
        ("pypi_index", "https://10.0.0.256/simple"),
        ("cran_mirror", "http:///x"), ("mirror", "/"), ("mirror", "//a"), ("strict", 0), ("ca_certificates", 0),
    ],
)  # fmt: skip
def test_what_is_just_too_much_or_too_little(name: str, value: Any) -> None:
    assert len(problems(RIGHT | {name: value})) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [("//secret@mirror", "***@mirror"), ("://secret@mirror", "***@mirror"), ("ftp://secret@mirror", "ftp://***@mirror"),
     ("ftp://@mirror", "***@mirror")],
)  # fmt: skip
def test_a_password_without_a_name_is_not_shown(value: str, shown: str) -> None:
    (found,) = problems(RIGHT | {"cran_mirror": value})
    assert found.startswith(f"invalid cran_mirror='{shown}': expected ")
