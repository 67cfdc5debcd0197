"""sshd, for debugging."""
