"""The mount, as far as it goes without mounting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from melda.base import mounts
from melda.base.errors import ConfigError
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket, Credentials
from melda.config.environ import Settings
from melda.mount import iam_role, options, probing, s3, s3fs

MOUNTINFO = """\
22 1 0:20 / / rw - overlay overlay rw
30 22 0:45 / /home/melda/my\\040project rw,nosuid - ext4 /dev/sda1 rw
31 30 0:46 / /home/melda/my\\040project rw shared:1 master:2 - fuse.s3fs s3fs rw,user_id=0
32 22 0:47 / /proc rw - proc proc rw
"""


@pytest.mark.parametrize(("path", "option"), [("/v2/credentials/CANARY", "ecs"), ("", "iam_role=auto")])
def test_a_role(settings: Settings, project: Bucket, path: str, option: str) -> None:
    settings.variables.update({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path, "NO_PROXY": "localhost"})
    service = s3fs._s3fs(project._replace(role=option, credentials=Credentials("KEY", "CANARY", "CANARY")), settings)
    assert option in service.argv
    assert "CANARY" not in " ".join(service.argv)
    assert "passwd_file" not in " ".join(service.argv)
    assert service.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == path
    assert "AWS_SECRET_ACCESS_KEY" not in service.environment, "s3fs would take these, and not renew them"
    assert service.environment["no_proxy"] == "localhost,169.254.170.2,169.254.169.254"


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ("V1.86 (commit:unknown) with GnuTLS", "iam_role=r"),
        ("V1.88 ", "iam_role=r,imdsv1only"),
        ("V1.90 ", "iam_role=r,imdsv1only"),
        ("V1.91 ", "iam_role=r"),
        ("", "iam_role=r"),
    ],
)
def test_the_role_of_a_machine_with_an_s3fs_that_cannot_ask_the_second_version(
    settings: Settings, project: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, option: str
) -> None:
    (tmp_path / "s3fs").write_text(f"#!/bin/sh\necho 'Amazon Simple Storage Service File System {said}'\n")
    (tmp_path / "s3fs").chmod(0o755)
    monkeypatch.setattr(options, "S3FS", str(tmp_path / "s3fs"))
    monkeypatch.setattr(iam_role, "find", lambda _: ("iam_role=r", ("KEY", "SECRET", "TOKEN")))
    assert iam_role.with_role(project, settings) == project, "who has keys of its own keeps them"
    found = iam_role.with_role(project._replace(credentials=Credentials("", "", "")), settings)
    assert (found.role, found.credentials) == (option, Credentials("KEY", "SECRET", "TOKEN"))


def test_no_secret_on_the_command_line(settings: Settings, project: Bucket) -> None:
    for session in ("", "SESSION"):
        keys = Credentials("KEY", "CANARY", session)
        service = s3fs._s3fs(project._replace(credentials=keys), settings)
        assert "CANARY" not in " ".join(service.argv)
        assert ("CANARY" in service.environment.values()) == bool(session)


def test_the_password_file_is_private_and_short_lived(tmp_path: Path, project: Bucket) -> None:
    path = tmp_path / "passwd"
    path.write_text("left behind")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        with s3fs.password_file(project, str(path)):
            assert path.read_text() == "KEY:CANARY\n"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.exists()
        with pytest.raises(KeyError), s3fs.password_file(project, str(path)):
            raise KeyError
        assert not path.exists()
    finally:
        os.umask(before)


def test_the_password_file_does_not_follow_a_link(tmp_path: Path, project: Bucket) -> None:
    (tmp_path / "passwd").symlink_to(tmp_path / "elsewhere")
    with s3fs.password_file(project, str(tmp_path / "passwd")):
        assert not (tmp_path / "elsewhere").exists()


def test_whoever_makes_the_password_file_first_does_not_get_the_keys(
    tmp_path: Path, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "passwd"
    path.write_text("")
    path.chmod(0o666)
    monkeypatch.setattr(os, "unlink", lambda _: None)  # it is there again right after it was removed
    with pytest.raises(FileExistsError), s3fs.password_file(project, str(path)):
        pass
    assert path.read_text() == ""


def test_mounted_is_what_mountinfo_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    monkeypatch.setattr(mounts, "MOUNTINFO", str(tmp_path / "mountinfo"))
    found = {path: s3fs.is_mounted(path) for path in ("/home/melda/my project", "/proc", "/x")}
    assert found == {"/home/melda/my project": True, "/proc": False, "/x": False}


@pytest.mark.parametrize(
    ("capabilities", "device", "may"),
    [("200000", True, True), ("1fffff", True, False), ("200000", False, False)],
)
def test_may_mount(tmp_path: Path, capabilities: str, device: bool, may: bool) -> None:
    (tmp_path / "status").write_text(f"Name:\tx\nCapEff:\t{capabilities:0>16}\n")
    if device:
        (tmp_path / "fuse").write_text("")
    assert probing.can_mount(str(tmp_path / "status"), str(tmp_path / "fuse")) == may


@pytest.mark.parametrize(
    ("folder", "device", "closed"),
    [("tmpfs", "", True), ("devtmpfs", "", False), ("", "", False), ("tmpfs", "devtmpfs", False)],
    ids=["container's", "host's folder", "nobody's", "host's device"],
)
def test_the_containers_device_is_roots_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, device: str, closed: bool
) -> None:
    path = tmp_path / "fuse"
    path.touch(0o600)
    path.chmod(0o666)
    there = {str(tmp_path): folder, str(path): device}
    table = [mounts.Mount(number, "0:5", *mount) for number, mount in enumerate(there.items()) if mount[1]]
    monkeypatch.setattr(mounts, "table", lambda: table)
    probing.close_device(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if closed else 0o666)


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    probing.probe(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        probing.probe(str(tmp_path / "none"))


def test_own_folder(tmp_path: Path) -> None:
    s3fs.ensure_owned_dir(str(tmp_path), os.getuid(), os.getgid(), 0o555)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o555
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError, match="^invalid JUPYTER_WORKDIR='/etc/passwd/x': Not a directory$"):
        s3fs.ensure_owned_dir("/etc/passwd/x", os.getuid(), os.getgid(), 0o555)


@pytest.mark.parametrize("kind", ["file", "link", "loop", "fifo", "none"])
@pytest.mark.parametrize("name", ["project", "way/project"])
def test_what_is_in_the_projects_place_is_set_aside(
    tmp_path: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    place = home / name.split("/", 1)[0]
    {
        "file": lambda: place.write_text("mine"), "link": lambda: place.symlink_to("/etc"),
        "loop": lambda: place.symlink_to(place), "fifo": lambda: os.mkfifo(place), "none": lambda: None,
    }[kind]()  # fmt: skip
    for _ in range(2):
        s3fs.ensure_owned_dir(str(home / name), os.getuid(), os.getgid(), 0o555)
        found = (home / name).lstat()
        assert stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o555
    kept = list(home.glob("*.set-aside-*"))
    assert len(kept) == (kind != "none")
    output = f"{home / name}: {place.name} was no folder, and is set aside as {kept[0].name if kept else ''}"
    assert capsys.readouterr().err.count(output) == len(kept)
    assert "passwd" in os.listdir("/etc") and stat.S_IMODE(os.stat("/etc").st_mode) == 0o755


def test_no_bucket_is_said(settings: Settings) -> None:
    output = s3fs.prepare(settings, Supervisor.__new__(Supervisor))
    assert "is a local folder (BUCKET_NAME is not set)" in output


class Unreachable(Supervisor):
    """A supervisor that must not be asked to start anything."""

    def __init__(self) -> None:
        pass


def test_nothing_is_started_in_a_container_that_may_not_mount(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "can_mount", lambda: False)
    with pytest.raises(
        ConfigError, match="^BUCKET_NAME='bucket' cannot be mounted: .*--cap-add SYS_ADMIN --device /dev/fuse"
    ):
        s3fs.prepare(settings._replace(bucket=project), Unreachable())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change owners")
def test_a_folder_with_files_is_not_hidden_under_a_mount(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "can_mount", lambda: True)
    (Path(settings.layout.workdir) / "work").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        s3fs.prepare(settings._replace(bucket=project), Unreachable())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change owners")
def test_the_bare_folder_is_closed_before_s3_is_asked(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "can_mount", lambda: True)

    def refuse(_: Bucket) -> Bucket:
        raise ConfigError("wrong key")

    monkeypatch.setattr(s3, "prepare", refuse)
    with pytest.raises(ConfigError, match="wrong key"):
        s3fs.prepare(settings._replace(bucket=project), Unreachable())
    found = Path(settings.layout.workdir).stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o555)
