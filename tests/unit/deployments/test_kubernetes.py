"""deployments/kubernetes: the pod template against Kubernetes' published schemas, and what it has in common with the rest."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from melda.base.paths import HEALTHCHECK

from builder import overrides
from deployments import contract
from deployments.ecs import task_definition

FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "kubernetes"
# The oldest release that knows what the files use (appArmorProfile as a field), and the newest the schemas are there for.
VERSIONS = ("1.30", kubernetes_validate.latest_version())


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / name).read_text()))


def merged(below: Any, above: Any) -> Any:
    """As Helm merges values files: mappings key by key, everything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: merged(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return above


@pytest.fixture
def pod() -> dict[str, Any]:
    return read("pod.yaml")


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_pod(pod: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(pod, version, strict=True)


@pytest.mark.parametrize(
    ("name", "value"), [("capabilites", {}), ("runAsUser", "root"), ("capabilities", {"add": "SYS_ADMIN"})]
)
def test_kubernetes_refuses_a_wrong_pod(pod: dict[str, Any], name: str, value: object) -> None:
    wrong = copy.deepcopy(pod)
    wrong["spec"]["containers"][0]["securityContext"][name] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_the_pod_has_what_the_other_deployments_have(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    assert tuple(port["containerPort"] for port in container["ports"]) == contract.ports({})
    assert container["securityContext"]["capabilities"]["add"] == list(task_definition.CAPABILITIES)
    check = HEALTHCHECK
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == [check]
        assert container[probe]["timeoutSeconds"] == task_definition.HEALTH["timeout"]
    assert pod["spec"]["terminationGracePeriodSeconds"] == task_definition.STOP


def test_an_outage_of_s3_ends_no_pod(pod: dict[str, Any]) -> None:
    """A probe that fails ends a pod if it is one of liveness; start-jupyter knows better when all is lost."""
    (container,) = pod["spec"]["containers"]
    assert "livenessProbe" not in container and pod["spec"]["restartPolicy"] == "Never"
    for name in ("values.yaml", "bucket.yaml", "profiles.yaml"):
        assert "livenessProbe" not in (FOLDER / name).read_text()


def mounted(files: dict[str, str], mounts: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> None:
    """Each file is in a volume of a secret, read-only, and root's alone."""
    folders = {mount["mountPath"]: mount for mount in mounts if mount["mountPath"] != "/dev/shm"}
    secrets = {volume["name"]: volume["secret"] for volume in volumes if "emptyDir" not in volume}
    assert {path.rpartition("/")[0] for path in files.values()} == folders.keys()
    assert {mount["name"] for mount in folders.values()} == secrets.keys()
    assert all(mount["readOnly"] for mount in folders.values())
    assert {secret["defaultMode"] for secret in secrets.values()} == {0o400}


def test_secrets_are_references_and_variables_are_right(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    plain = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    contract.check(plain)
    assert [entry["name"] for entry in container["env"] if "value" not in entry] == [], "secrets are files"
    files = {name: path for name, path in plain.items() if name in contract.FILES}
    assert files.keys() == contract.FILES.keys()
    mounted(files, container["volumeMounts"], pod["spec"]["volumes"])
    bucket = read("bucket.yaml")["singleuser"]["extraEnv"]
    contract.check(bucket)
    storage = read("bucket.yaml")["singleuser"]["storage"]
    files = {name: path for name, path in bucket.items() if name in contract.FILES}
    assert list(files) == ["AWS_SHARED_CREDENTIALS_FILE"]
    mounted(files, storage["extraVolumeMounts"], storage["extraVolumes"])


def test_pods_have_shared_memory(pod: dict[str, Any]) -> None:
    """values.yaml's lists are gone where bucket.yaml has its own."""
    (container,) = pod["spec"]["containers"]
    found = [(container["volumeMounts"], pod["spec"]["volumes"])]
    for values in (read("values.yaml"), merged(read("values.yaml"), read("bucket.yaml"))):
        storage = values["singleuser"]["storage"]
        found.append((storage["extraVolumeMounts"], storage["extraVolumes"]))
    for mounts, volumes in found:
        (name,) = (mount["name"] for mount in mounts if mount["mountPath"] == "/dev/shm")
        (volume,) = (volume for volume in volumes if volume["name"] == name)
        assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": f"{task_definition.SHARED_MEMORY // 1024}Gi"}


def test_the_users_volume_is_the_project() -> None:
    values, settings = read("values.yaml"), overrides.defaults()
    assert values["singleuser"]["storage"]["homeMountPath"] == settings["jupyter_workdir"]
    assert values["singleuser"]["fsGid"] == settings["uid"]


@pytest.mark.parametrize("files", [("values.yaml",), ("values.yaml", "bucket.yaml"), ("values.yaml", "profiles.yaml")])
def test_the_chart_takes_the_values(files: tuple[str, ...]) -> None:
    """zero-to-jupyterhub's own schema and values; no package has them, so they are looked for where a variable says."""
    chart = os.environ.get("MELDA_Z2JH_CHART", "")
    if not chart:
        pytest.skip("MELDA_Z2JH_CHART names no folder with the chart's values.schema.yaml and values.yaml")
    schema = yaml.safe_load((Path(chart) / "values.schema.yaml").read_text())
    values = yaml.safe_load((Path(chart) / "values.yaml").read_text())
    for file in files:
        values = merged(values, read(file))
    jsonschema.validate(values, schema)
    wrong = merged(values, {"singleuser": {"storge": {}}})
    with pytest.raises(jsonschema.ValidationError, match="storge"):
        jsonschema.validate(wrong, schema)
