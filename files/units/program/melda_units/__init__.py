"""A machine's services as systemd units: what start-jupyter does in a container, one step a unit."""
