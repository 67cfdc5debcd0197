"""Keys of a role: what AWS gives an ECS task or an EC2 instance, in place of keys in variables.

s3fs fetches and renews them by itself; here they are fetched once, for the questions put to S3 before the mount. Sources:
"Amazon ECS task IAM role", "Instance metadata service" (AWS documentation), and s3fs's manual (`ecs`, `iam_role`).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import urllib.request
from typing import Dict, Mapping, Optional, Tuple
from urllib.parse import quote

from melda.base.errors import ConfigError
from melda.config.bucket import Bucket, Credentials
from melda.config.environ import Settings
from melda.mount import options

VARIABLE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"  # ECS sets it; s3fs reads it
HOSTS = ("169.254.170.2", "169.254.169.254")
ECS, EC2 = ("http://" + host for host in HOSTS)
ECS_OPTION = "ecs"
SECONDS = 2.0  # for one answer: these addresses are on this host, or nowhere


def path(variables: Mapping[str, str]) -> str:
    """Return where ECS gives the task's keys; empty outside of ECS. Whoever knows it gets them, so it is never shown."""
    value = variables.get(VARIABLE, "")
    if not re.fullmatch(r"(/[!-~]*)?", value):
        raise ConfigError(f"invalid {VARIABLE}: expected a path such as /v2/credentials/…, as ECS sets it")
    return value


def _request(url: str, method: str = "GET", headers: Optional[Dict[str, str]] = None) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is another host
    request = urllib.request.Request(url, headers=headers or {}, method=method)  # noqa: S310 - one of two addresses
    with opener.open(request, timeout=SECONDS) as answer:
        return str(answer.read(1 << 16).decode("utf-8", "replace"))


def _of_ec2() -> Tuple[str, str]:
    base = EC2 + "/latest/"
    try:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        token = {"X-aws-ec2-metadata-token": _request(base + "api/token", "PUT", headers)}
    except (OSError, http.client.HTTPException):
        token = {}  # a service of the first version, or a container one hop too far for the second
    roles = base + "meta-data/iam/security-credentials/"
    name = _request(roles, headers=token).split("\n")[0].strip()
    # By its name, because s3fs asks for it without the token up to 1.90; a comma would end the option.
    option = "iam_role=" + (name if re.fullmatch(r"[A-Za-z0-9_+=.@-]+", name) else "auto")
    return option, _request(roles + quote(name), headers=token)


def find(ecs_path: str) -> Tuple[str, Tuple[str, str, str]]:
    """Return the role, by asking for it.

    Returns:
        The option by which s3fs gets the role's keys by itself; the key, secret and session token that it has now.
    """
    where, reason = (ECS if ecs_path else EC2), "no keys in its answer"
    try:
        option, text = (ECS_OPTION, _request(ECS + ecs_path)) if ecs_path else _of_ec2()
        answer = json.loads(text)
        key, secret, token = (answer[name] for name in ("AccessKeyId", "SecretAccessKey", "Token"))
        if all(isinstance(value, str) and re.fullmatch(r"[!-~]+", value) for value in (key, secret, token)):
            return option, (key, secret, token)
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error))
    except (ValueError, KeyError, TypeError):
        pass
    raise ConfigError(
        f"invalid AWS_ACCESS_KEY_ID: expected one, as no role gives keys in its place: {where} ({reason})"
    )


def with_role(bucket: Bucket, settings: Settings) -> Bucket:
    """Return the bucket with the keys of the role that this container has, if it has none of its own."""
    if bucket.credentials.key:
        return bucket
    option, keys = find(path(settings.variables))
    if option != ECS_OPTION and (1, 88) <= options.version() <= (1, 90):
        # They ask for a token of the second version in a way that EC2 refuses, or never answers in a container.
        option += ",imdsv1only"
    return bucket._replace(role=option, credentials=Credentials(*keys))


def renewed(bucket: Bucket, variables: Mapping[str, str]) -> Bucket:
    """Return the bucket with the keys that its role has now; as it was, if the role cannot be asked, or there is none."""
    if bucket.role:
        with contextlib.suppress(ConfigError):
            return bucket._replace(credentials=Credentials(*find(path(variables))[1]))
    return bucket
