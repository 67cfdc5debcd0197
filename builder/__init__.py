"""The host's side: what stands between ``make up`` on a fresh machine and a running notebook."""
