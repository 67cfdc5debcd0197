"""deployments/kubernetes: the pod that KubeSpawner makes of the values, against Kubernetes' schemas."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from deployments import contract
from tests.unit.deployments.test_kubernetes import VERSIONS, merged, read

from .hub import installed

# KubeSpawner must know a cluster. It is an address for documentation: nobody answers, and nothing is asked.
CLUSTER = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "https://192.0.2.1"}}],
    "users": [{"name": "none", "user": {}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "current-context": "none",
}


# The files of values that an administrator gives, and the profile that a user chooses.
ASKED = {
    "volume": (("values.yaml",), ""),
    "bucket": (("values.yaml", "bucket.yaml"), ""),
    "current": (("values.yaml", "profiles.yaml"), "current"),
    "former": (("values.yaml", "profiles.yaml"), "former"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """A user's pod of each, and how long it gets to end."""
    known = tmp_path_factory.mktemp("cluster") / "cluster.json"
    known.write_text(json.dumps(CLUSTER))
    asked = [(functools.reduce(merged, map(read, files)), profile) for files, profile in ASKED.values()]
    done = subprocess.run(
        [installed() / "python", Path(__file__).parent / "kubespawner_pod.py", json.dumps(asked)],
        env={**os.environ, "KUBECONFIG": str(known)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(ASKED, json.loads(done.stdout), strict=True))


@pytest.fixture
def with_volume(made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return made["volume"]


@pytest.fixture
def with_bucket(made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return made["bucket"]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_pod(with_volume: dict[str, Any], with_bucket: dict[str, Any], version: str) -> None:
    for found in (with_volume, with_bucket):
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **found["pod"]}, version, strict=True)


def test_a_users_pod_is_told_what_start_jupyter_asks(with_volume: dict[str, Any]) -> None:
    from melda.config import hub

    (container,) = with_volume["pod"]["spec"]["containers"]
    variables = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    assert container["args"] == ["start-jupyter"]
    assert hub.from_env(variables, contract.ports({})[0]) == hub.Hub("/user/grace.h@example.org/", 8081)
    assert variables["JUPYTERHUB_DEFAULT_URL"] == "/tree"
    assert container["volumeMounts"] == [{"name": "home", "mountPath": "/home/melda/project"}]
    assert with_volume["seconds"] == 120
    # What ends because it is idle does not start again.
    assert variables["IDLE_SECONDS"] == "3600" and with_volume["pod"]["spec"]["restartPolicy"] == "Never"
    security = container["securityContext"]
    assert (security["runAsUser"], security.get("capabilities"), security.get("privileged")) == (0, None, None)


def test_a_project_in_the_bucket_is_one_users(with_bucket: dict[str, Any]) -> None:
    (container,) = with_bucket["pod"]["spec"]["containers"]
    entries = {entry["name"]: entry for entry in container["env"]}
    folder = entries["PROJECT_FOLDER"]["value"]
    contract.check({"BUCKET_NAME": entries["BUCKET_NAME"]["value"], "PROJECT_FOLDER": folder})
    assert folder.startswith("users/grace-h-example-org---"), "with a part that no other name gives"
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & entries.keys(), "keys are a file"
    assert entries["AWS_SHARED_CREDENTIALS_FILE"]["value"].startswith("/run/secrets/melda-bucket/")
    assert container["securityContext"]["capabilities"] == {"add": ["SYS_ADMIN"]}
    assert container["resources"]["limits"]["squat.ai/fuse"] == "1"


@pytest.mark.parametrize("profile", ["current", "former"])
def test_a_user_goes_back_to_the_last_image(made: dict[str, dict[str, Any]], profile: str) -> None:
    choices = {
        one["slug"]: one["kubespawner_override"]["image"] for one in read("profiles.yaml")["singleuser"]["profileList"]
    }
    assert len({*choices.values()}) == 2
    pod = made[profile]["pod"]
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **pod}, VERSIONS[0], strict=True)
    assert [one["image"] for one in pod["spec"]["containers"]] == [choices[profile]]
