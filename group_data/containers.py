"""Settings of the group ``containers``, on top of all.py: hosts of the inventory that are ``@docker/...``."""

# A container that an interrupted run broke is made anew.
dpkg_unsafe_io = True
