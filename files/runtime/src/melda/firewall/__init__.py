"""Who may connect, and where the container's processes may connect to."""
