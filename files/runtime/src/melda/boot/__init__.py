"""What starts and stops everything: PID 1, systemd, health."""
