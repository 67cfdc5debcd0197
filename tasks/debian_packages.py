"""Debian packages by concern, in one table, so that one apt transaction can bring them all."""

from __future__ import annotations

from typing import Dict, Tuple

PACKAGES: Dict[str, Tuple[str, ...]] = {
    # ca-certificates: r2u and CRAN are HTTPS; python3-pip: users expect it, and it brings uv while provisioning;
    # python3-venv: for the user's own `python -m venv`; uv makes ours.
    "system": ("ca-certificates", "locales", "python3", "python3-pip", "python3-venv"),
    # libopenblas0-pthread: a product of matrices nine times as fast as by the reference BLAS that r-base-core brings; its
    # threads, because OpenMP's hang in a forked child (parallel::mclapply).
    "r": ("r-base-core", "r-cran-irkernel", "r-cran-jsonlite", "libopenblas0-pthread"),
    # It brings fuse (fusermount) and media-types (an object's Content-Type). fuse by name would take away the fuse3 of a host in
    # use, which provides it, and what needs that.
    "mount": ("s3fs",),
    "ssh": ("openssh-server",),
    "firewall": ("iptables",),
    "sync": ("zstd",),
    # dbus: install.packages() reaches apt through it; busctl is in systemd, which is installed and never started in a
    # container; the other three are imported by bspm's service, which runs with the distribution's Python.
    "bspm": ("dbus", "systemd", "python3-dbus", "python3-gi", "python3-apt"),
    # What people type in a terminal, and what packages call: 63 MB, git 48 of it (docs/notebook.md).
    "tools": ("curl", "git", "jq", "less", "man-db", "nano", "rsync", "tmux", "tree"),
    # iproute2 and procps: what one looks for first when debugging over ssh.
    "runtime": ("iproute2", "procps"),
}

# The smallest that have them: Chinese, Japanese and Korean (5.1 MB; fonts-noto-cjk has 93), Devanagari (0.2), Thai (0.5).
FONTS: Tuple[str, ...] = ("fonts-wqy-microhei", "fonts-lohit-deva", "fonts-tlwg-loma")
