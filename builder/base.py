"""The image everything is built on: rocker/r-ubuntu if it can be had, else a Debian bootstrapped on the build host.

The local bases equal rocker/r-ubuntu in what matters; the facts are from its Dockerfile
(https://github.com/rocker-org/rocker/blob/master/r-ubuntu/focal/Dockerfile).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from builder import docker as client
from builder import host, screen
from builder.errors import BuildError, hint

PREFERRED = "rocker/r-ubuntu:20.04"
FALLBACK = "debian:bookworm"
LOCAL = ("debian:bullseye", "debian:bookworm", "debian:trixie")
# Of Docker -> of Debian.
PLATFORMS = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
PLATFORM = "DOCKER_DEFAULT_PLATFORM"
# Seconds a registry of images may take until it counts as out of reach; the time of a pull that has begun is not bounded.
PULL_ANSWER = 30

PACKAGES = (
    "ca-certificates", "dirmngr", "ed", "less", "locales", "vim-tiny", "wget", "littler", "r-base", "r-base-dev",
    "r-recommended", "r-cran-docopt",
)  # fmt: skip
ENVIRONMENT = {"LC_ALL": "en_US.UTF-8", "LANG": "en_US.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "TZ": "UTC"}

# Runs in the new system. Group staff may write R's site library, as rocker's user docker does.
CUSTOMIZE = r"""
set -eu
chroot "$1" useradd --create-home docker
chroot "$1" usermod --append --groups staff docker
chroot "$1" install -d -g staff -m 2775 /usr/local/lib/R/site-library
echo 'en_US.UTF-8 UTF-8' >> "$1/etc/locale.gen"
chroot "$1" localedef -i en_US -f UTF-8 en_US.UTF-8
for script in install.r install2.r installGithub.r testInstalled.r; do
    for folder in /usr/lib/R/site-library/littler/examples /usr/share/doc/littler/examples; do
        [ ! -e "$1$folder/$script" ] || ln -sf "$folder/$script" "$1/usr/local/bin/$script"
    done
done
# As Docker's own images have it: no service starts because its package is installed.
printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1/etc/hostname" "$1/etc/resolv.conf"
: > "$1/etc/machine-id"
"""
# Bytes that a base needs while it is made: its files, and an archive of them.
SPACE = 2 * 10**9
# Says from which of these recipes a base was made; one of an older recipe is made again.
RECIPE = hashlib.sha256(repr((PACKAGES, ENVIRONMENT, CUSTOMIZE)).encode()).hexdigest()[:12]
RECIPE_LABEL = "io.melda.base.recipe"


def _debians() -> str:
    """Return Debian's name of the platform that was asked for; empty: none was."""
    return PLATFORMS.get(os.environ.get(PLATFORM, ""), "")


def _made_for(docker: str, image: str) -> str:
    return "{Os}/{Architecture}".format(**client.inspect(docker, "image", image))


def local_name(base: str) -> str:
    """Name under which a bootstrapped base is kept: ``debian:bookworm`` -> ``melda-jupyter-debian:bookworm``.

    One of a platform that was asked for ends with its name, ``-arm64``.
    """
    return "-".join(filter(None, ("melda-jupyter", base, _debians())))


def can_run(docker: str, image: str) -> None:
    """See that the engine runs programs of the platform that was asked for.

    Raises:
        BuildError: it does not.
    """
    platform = os.environ.get(PLATFORM, "")
    if not platform:
        return
    built = _made_for(docker, image)
    if built != platform:
        raise BuildError(f"invalid PLATFORM={platform}: expected {built}, which {image} is made for")
    try:
        client.call(docker, "run", "--rm", "--entrypoint", "/bin/true", image)
    except BuildError as error:
        raise BuildError(
            f"invalid PLATFORM={platform}: expected a platform that this engine can run, or emulate once binfmt_misc knows"
            f" qemu (docs/publishing.md); {error}"
        ) from None


def pull(docker: str, image: str) -> str:
    """Have an image of a registry. Empty if it is here now, else why not."""
    if client.exists(docker, "image", image):
        platform = os.environ.get(PLATFORM, "")
        if not platform or _made_for(docker, image) == platform:
            return ""
    with tempfile.TemporaryFile("w+") as complaints, subprocess.Popen(
        [docker, "pull", image], stdout=subprocess.PIPE, stderr=complaints, text=True
    ) as pulling:
        silent = threading.Timer(PULL_ANSWER, pulling.kill)
        silent.start()
        try:
            # The first line comes when the registry has reported that it has the image.
            for line in pulling.stdout or ():
                silent.cancel()
                screen.current().output(line)
        except BaseException:
            pulling.kill()
            raise
        finally:
            silent.cancel()
        if not pulling.wait():
            return ""
        complaints.seek(0)
        output = complaints.read()
    if not output.strip():
        return f"its registry did not answer within {PULL_ANSWER} s"
    # The client's message is a chain of reasons; the last one is the one that helps.
    return client.reason(output).rsplit(": ", 1)[-1]


def select(docker: str, base: str) -> tuple[str, str]:
    """Return what ``BASE`` stands for.

    Args:
        base: ``auto``, one of ``LOCAL``, or an image reference.

    Returns:
        What it is called (one of ``LOCAL``, or the reference), and why it is not the preferred one (empty: it is).

    Raises:
        BuildError: the reference cannot be had.
    """
    if base in LOCAL:
        return base, ""
    problem = pull(docker, PREFERRED if base == "auto" else base)
    if not problem:
        return (PREFERRED if base == "auto" else base), ""
    if base == "auto":
        return FALLBACK, f"{PREFERRED} cannot be had ({problem})"
    known = ", ".join(LOCAL)
    raise BuildError(f"invalid BASE={base}: expected auto, an image that can be pulled, or one of {known} ({problem})")


def bootstrap(docker: str, base: str) -> str:
    """Bootstrap a local base once and return its image's name.

    It comes from the build host's own mirror, in one apt transaction, and gets its name when it is complete.

    Raises:
        BuildError: mmdebstrap cannot be had or failed.
    """
    name = local_name(base)
    if client.exists(docker, "image", name):
        labels = client.inspect(docker, "image", name)["Config"]["Labels"] or {}
        if labels.get(RECIPE_LABEL) == RECIPE:
            return name
    if not shutil.which("mmdebstrap"):
        users = ["uidmap"] if os.geteuid() else []  # of a namespace, in which mmdebstrap works where it is not root
        host.install("mmdebstrap, which makes a local base", ["mmdebstrap", "debian-archive-keyring", *users])
    codename = base.split(":")[1]
    platform = _debians()
    architecture = [f"--architectures={platform}"] if platform else []
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < SPACE:
        raise BuildError(
            f"no space: BASE={base} needs {SPACE / 1e9:.0f} GB in {tempfile.gettempdir()} (TMPDIR), {free / 1e9:.1f} GB are free"
        )
    with tempfile.TemporaryDirectory() as folder:
        # Who is not root has mmdebstrap work as users of a namespace, who must get in here (mmdebstrap(1), unshare).
        os.chmod(folder, 0o711)  # nosec B103 # noqa: S103
        tar = Path(folder) / "base.tar"
        # Its own folder too, so that nothing is left of one that was interrupted. It gives the base the modes of its umask.
        failed = screen.run(
            ["sh", "-c", 'umask 022; exec "$@"', "sh",
             "mmdebstrap", *architecture, "--variant=minbase", "--components=main", "--dpkgopt=force-unsafe-io",
             '--aptopt=APT::Install-Recommends "false"', f"--include={','.join(PACKAGES)}", f"--customize-hook={CUSTOMIZE}",
             codename, str(tar)],
            {**os.environ, "TMPDIR": folder},
        )  # fmt: skip
        if failed:
            lines = list(screen.current().last)
            output = [line for line in lines if line.startswith("E:")] or lines[-1:] or ["mmdebstrap failed"]
            raise BuildError(f"BASE={base} cannot be bootstrapped: {output[0]}" + hint(lines))
        if platform:
            # docker import gives an image the engine's own platform, whatever it is told.
            recipe = ["FROM scratch", f"ADD {tar.name} /", *changes()]
            (Path(folder) / "Dockerfile").write_text("\n".join(recipe) + "\n")
            client.call(docker, "build", "--quiet", "--tag", name, folder, environment={"DOCKER_BUILDKIT": "1"})
        else:
            options = [part for change in changes() for part in ("--change", change)]
            client.call(docker, "import", *options, str(tar), name)
    return name


def changes() -> list[str]:
    """Return what a local base says beside its files, as a Dockerfile says it."""
    said = [f"ENV {key}={value}" for key, value in ENVIRONMENT.items()]
    return [*said, 'CMD ["bash"]', f"LABEL {RECIPE_LABEL}={RECIPE}"]


def ensure(docker: str, base: str) -> str:
    """Return the image of a base that :func:`select` returned, bootstrapped if it is a local one.

    Raises:
        BuildError: it cannot be had or run, or its user is not root.
    """
    image = bootstrap(docker, base) if base in LOCAL else base
    user = client.inspect(docker, "image", image)["Config"].get("User", "")
    if user.partition(":")[0] not in ("", "0", "root"):
        raise BuildError(f"invalid BASE={base}: expected an image whose USER is root, and it is {user}")
    can_run(docker, image)
    return image
