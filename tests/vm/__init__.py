"""The deploy on a real machine: a kernel, systemd, an ssh server, and nothing of ours before."""
