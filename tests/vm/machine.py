"""A virtual machine: a plain Debian server made on this machine, booted under qemu (KVM where it works, else emulated)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tasks import debian_packages

HOST = "10.0.2.2"  # this machine, as the guest sees it (qemu's user network)
PACKAGES = (
    "linux-image-cloud-amd64", "systemd-sysv", "systemd-timesyncd", "dbus", "udev", "openssh-server", "ca-certificates",
    "sudo", "iproute2",
)  # fmt: skip
# What the deploy would install from Debian: emulated, apt takes ten minutes for it.
READY = tuple(name for names in debian_packages.PACKAGES.values() for name in names)
NETWORK = "[Match]\nName=e*\n[Network]\nDHCP=ipv4\n"
# In the new system: what an installer would have asked for.
CUSTOMIZE = r"""
set -eu
echo notebooks > "$1/etc/hostname"
echo '127.0.1.1 notebooks' >> "$1/etc/hosts"
echo '/dev/vda / ext4 defaults 0 1' > "$1/etc/fstab"
install -d -m 700 "$1/root/.ssh"
echo "$PUBLIC_KEY" > "$1/root/.ssh/authorized_keys"
echo "$NETWORK" > "$1/etc/systemd/network/10-all.network"
chroot "$1" systemctl --quiet enable systemd-networkd
echo 'nameserver 10.0.2.3' > "$1/etc/resolv.conf"
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
"""
SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
       "-o", "BatchMode=yes", "-o", "ConnectTimeout=5")  # fmt: skip


def accelerators() -> list[str]:
    """What may run a guest here, the best first. That /dev/kvm can be opened does not mean that a kernel boots with it."""
    if os.environ.get("MELDA_VM_ACCEL"):
        return [os.environ["MELDA_VM_ACCEL"]]
    return (["kvm"] if os.access("/dev/kvm", os.R_OK | os.W_OK) else []) + ["tcg"]


def free_ports(count: int) -> list[int]:
    """TCP ports nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def bootstrap(suite: str, folder: Path, public_key: str, gigabytes: int = 8) -> None:
    """Make ``disk``, ``vmlinuz`` and ``initrd`` in a folder; the disk is sparse.

    Args:
        suite: of Debian.
        folder: where to.
        public_key: root's.
        gigabytes: the disk's size.
    """
    # Not below the folder of the test: files of other owners would keep that from being removed by anybody but root.
    wanted = (*PACKAGES, *READY) if os.environ.get("MELDA_VM_READY") else PACKAGES
    root = Path(tempfile.mkdtemp(prefix="melda-vm-root."))
    try:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=important", "--components=main", "--dpkgopt=force-unsafe-io",
             '--aptopt=APT::Install-Recommends "false"', f"--include={','.join(wanted)}",
             f"--customize-hook={CUSTOMIZE}", suite, str(root)],
            check=True, env={**os.environ, "PUBLIC_KEY": public_key, "NETWORK": NETWORK},
        )  # fmt: skip
        for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
            (found,) = (root / "boot").glob(pattern)
            shutil.copy(found, folder / name)
        subprocess.run(
            ["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(folder / "disk"), f"{gigabytes}G"], check=True
        )
    finally:
        shutil.rmtree(root, ignore_errors=True)


class Vm:
    """A running guest with 1 processor and 2 GB.

    Args:
        folder: what :func:`bootstrap` made.
        key: root's private key.
        ports: of the guest that are to be had at 127.0.0.1.
        accelerator: one of :func:`accelerators`.
    """

    def __init__(self, folder: Path, key: Path, ports: Sequence[int], accelerator: str) -> None:
        self.key = key
        self.console = folder / "console.log"
        self.ports = dict(zip(ports, free_ports(len(ports)), strict=True))
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in self.ports.items())
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else "max",
             "-smp", "1", "-m", "2048", "-display", "none", "-no-user-config", "-nodefaults",
             "-serial", f"file:{self.console}",
             "-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd"),
             "-append", "root=/dev/vda rw console=ttyS0 quiet",
             "-drive", f"file={folder / 'disk'},format=raw,if=virtio,cache=unsafe",
             "-netdev", f"user,id=net{forwards}", "-device", "virtio-net-pci,netdev=net",
             "-device", "virtio-rng-pci"],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ssh(self, command: str, check: bool = True, timeout: float = 300) -> str:
        """Standard output and error of a shell command, run by root."""
        done = subprocess.run(
            ["ssh", "-i", str(self.key), "-p", str(self.ports[22]), *SSH, "root@127.0.0.1", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{command!r} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def boot_id(self) -> str:
        """The number of this boot; empty while the guest does not answer."""
        output = self.ssh("cat /proc/sys/kernel/random/boot_id", check=False).strip()
        return output if len(output) == 36 else ""

    def up(self, since: str = "", seconds: float = 600) -> str:
        """Wait until it answers, in another boot than ``since``; the boot's number."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.boot_id()
            if found and found != since:
                return found
            assert self._process.poll() is None, "qemu ended"
            assert time.monotonic() < deadline, self.console.read_text(errors="replace")[-3000:]
            time.sleep(0.5)

    def stop(self) -> None:
        """Switch it off."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
