"""The container's firewall: who may connect, and where its processes may go."""
