"""Telling a host, where people other than our user work, from a container or an image under construction."""

# A shell command; true on a host: systemd runs, or an sshd that start-jupyter did not bring about in an image.
IS_HOST = "[ -d /run/systemd/system ] || grep -qsx sshd /proc/[0-9]*/comm"
