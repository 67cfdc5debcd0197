"""Runs in the hub's environment: prints the pods that KubeSpawner makes of values, as a list in JSON.

Argument: a list, in JSON, of the values, merged, and the slug of the profile that the user chose, if any; to load
KubeSpawner takes seconds. KUBECONFIG: a cluster, which is asked nothing. Of zero-to-jupyterhub's jupyterhub_config.py
only what our values say is done here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from jupyterhub import orm
from jupyterhub.objects import Hub, Server
from jupyterhub.user import User
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner
from traitlets.config import Config

SINGLEUSER = {
    "cmd": "cmd",
    "uid": "uid",
    "fsGid": "fs_gid",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "defaultUrl": "default_url",
    "startTimeout": "start_timeout",
    "extraEnv": "environment",
    "extraPodConfig": "extra_pod_config",
}
RESOURCES = {
    ("memory", "limit"): "mem_limit",
    ("memory", "guarantee"): "mem_guarantee",
    ("cpu", "limit"): "cpu_limit",
    ("cpu", "guarantee"): "cpu_guarantee",
    ("extraResource", "limits"): "extra_resource_limits",
    ("extraResource", "guarantees"): "extra_resource_guarantees",
}


def configuration(values: dict[str, Any]) -> Config:
    """The settings of KubeSpawner."""
    user = values["singleuser"]
    found = Config()
    spawner = found.KubeSpawner
    for name, value in values["hub"]["config"]["KubeSpawner"].items():
        spawner[name] = value
    for name, trait in SINGLEUSER.items():
        if name in user:
            spawner[trait] = user[name]
    for (name, part), trait in RESOURCES.items():
        if part in user.get(name, {}):
            spawner[trait] = user[name][part]
    if "profileList" in user:
        spawner.profile_list = user["profileList"]
    spawner.image = "{name}:{tag}".format(**user["image"])
    if user["storage"].get("type", "dynamic") == "dynamic":
        spawner.volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-{user_server}"}}]
        spawner.volume_mounts = [{"name": "home", "mountPath": user["storage"]["homeMountPath"]}]
    return found


async def pod(values: dict[str, Any], profile: str) -> dict[str, Any]:
    """The manifest of one user's pod."""
    database = orm.new_session_factory("sqlite:///:memory:")()
    record = orm.User(name="grace.h@example.org")
    database.add(record)
    database.commit()
    settings = {
        "config": configuration(values),
        "spawner_class": KubeSpawner,
        "hub": Hub(ip="0.0.0.0", port=8081, connect_ip="hub", base_url="/hub/"),
        "base_url": "/",
    }
    spawner = User(record, settings, database).spawner
    served = orm.Server(proto="http", ip="", port=8888, cookie_name="", base_url="/user/grace.h@example.org/")
    spawner.server = Server(orm_server=served)
    spawner.api_token, spawner.oauth_client_id = "CANARY", "jupyterhub-user-grace"
    if profile:
        spawner.user_options = {"profile": profile}
        await spawner.load_user_options()
    made = ApiClient().sanitize_for_serialization(await spawner.get_pod_manifest())
    return {"pod": made, "seconds": spawner.delete_grace_period}


async def pods(asked: list[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    """The manifest of each."""
    return [await pod(values, profile) for values, profile in asked]


if __name__ == "__main__":
    json.dump(asyncio.run(pods(json.loads(sys.argv[1]))), sys.stdout)
