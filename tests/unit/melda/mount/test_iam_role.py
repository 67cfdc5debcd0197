"""Keys of a role: from ECS or from the host, or one line that says there are none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from melda.base.errors import ConfigError
from melda.config.bucket import Bucket
from melda.mount import iam_role

ANSWER = {"AccessKeyId": "ASIA1", "SecretAccessKey": "CANARY", "Token": "CANARY/t=", "Expiration": "2030"}
Asked = list[tuple[str, str, dict[str, str]]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    """``answers({url: text or error})``; gives what is asked."""

    def use(said: dict[str, object]) -> Asked:
        asked: Asked = []

        def ask(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> object:
            asked.append((method, url, headers or {}))
            answer = said.get(url, OSError("nobody there"))
            if isinstance(answer, OSError):
                raise answer
            return answer

        monkeypatch.setattr(iam_role, "_request", ask)
        return asked

    return use


def test_of_a_task_of_ecs(answers: Callable[..., Asked]) -> None:
    answers({"http://169.254.170.2/v2/credentials/1": json.dumps(ANSWER)})
    assert iam_role.find("/v2/credentials/1") == ("ecs", ("ASIA1", "CANARY", "CANARY/t="))


ROLES = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


@pytest.mark.parametrize(("token", "header"), [({"http://169.254.169.254/latest/api/token": "T"}, "T"), ({}, None)])
def test_of_a_machine_by_the_second_version_or_the_first(
    answers: Callable[..., Asked], token: dict[str, object], header: str | None
) -> None:
    asked = answers({**token, ROLES: "my-role\n", ROLES + "my-role": json.dumps(ANSWER)})
    assert iam_role.find("") == ("iam_role=my-role", ("ASIA1", "CANARY", "CANARY/t="))
    assert [method for method, _, _ in asked] == ["PUT", "GET", "GET"]
    assert {headers.get("X-aws-ec2-metadata-token") for _, _, headers in asked[1:]} == {header}


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", json.dumps({**ANSWER, "Token": 1}), json.dumps({**ANSWER, "Token": "a\nb"})]
)
def test_an_answer_without_keys(answers: Callable[..., Asked], text: str) -> None:
    answers({"http://169.254.170.2/x": text})
    with pytest.raises(
        ConfigError, match="^invalid AWS_ACCESS_KEY_ID: expected one, .*170.2 .no keys in its answer.$"
    ) as error:
        iam_role.find("/x")
    assert "CANARY" not in str(error.value)


def test_no_role(answers: Callable[..., Asked]) -> None:
    answers({})
    with pytest.raises(ConfigError, match="no role gives keys in its place: http://169.254.169.254 .nobody there.$"):
        iam_role.find("")


def test_the_path() -> None:
    assert iam_role.path({}) == ""
    assert iam_role.path({iam_role.VARIABLE: "/v2/credentials/1"}) == "/v2/credentials/1"
    for wrong in ("secret", "/secret b", "http://elsewhere", "/a\n"):
        with pytest.raises(ConfigError, match=f"^invalid {iam_role.VARIABLE}") as error:
            iam_role.path({iam_role.VARIABLE: wrong})
        assert wrong not in str(error.value)


def test_a_name_that_would_end_the_option(answers: Callable[..., Asked]) -> None:
    answers({ROLES: "a,dbglevel=debug", ROLES + "a%2Cdbglevel%3Ddebug": json.dumps(ANSWER)})
    assert iam_role.find("")[0] == "iam_role=auto"


def test_keys_are_renewed_where_a_role_has_some(answers: Callable[..., Asked], project: Bucket) -> None:
    variables = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"}
    asked = answers({})
    assert iam_role.renewed(project, variables) == project and not asked
    of_role = project._replace(role="ecs")
    assert iam_role.renewed(of_role, variables) == of_role, "whether there are keys s3fs has to know"
    answers({"http://169.254.170.2/v2/credentials/1": json.dumps(ANSWER)})
    assert iam_role.renewed(of_role, variables).credentials == ("ASIA1", "CANARY", "CANARY/t=")
