"""Plugin folders (Python-X.Y.Z, R-X.Y.Z: what the user installed) on local disk, kept in the project's bucket.

* ``in_bucket``, ``on_disk``: what lies there, and what is known of it. All other modules bring the one to the other:
* one folder, each a class on top of the one before: ``taking`` (what one generation brings), ``restoring`` (all that the bucket
  has), ``reporting`` (what people are told), ``synced_dir`` (what is saved, and when). ``precedence``: which state is newer.
* the sync daemon, as the user: ``daemon`` with ``apt_packages``, ``capture``, ``programs``.
* ``melda-env back``: ``history``, ``exchange``.
* as root, at the start and the end: ``before_mount``, ``at_start``, ``service``, ``other_projects``, ``remounting``.
* on another image: ``image_change``, ``upgrade_plan``, ``upgrade_record``, ``upgrade_service``, ``relocation``, ``loose_files``,
  ``snapshot_check``; S3 copies archives: ``server_side_copies`` asks, ``copy_archives`` has the keys.
* FORK_OF: ``fork_of``, ``copy_fork``.
"""
