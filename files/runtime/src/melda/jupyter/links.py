"""Links in the browser's list of files: deleted as links, and not followed when a folder is copied.

jupyter_server empties the folder behind a link, which shutil.rmtree refuses with an error 500; and it copies what is behind links
after it measured the links alone (jupyter_server/services/contents/filemanager.py, 2.21).
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from tornado import web


def kept(files: Any) -> Any:
    """Return a class of managers that touches nothing behind a link."""

    class Kept(files):  # type: ignore[misc]
        """In place of Jupyter's own."""

        def delete_file(self, path: str) -> None:
            link = self._get_os_path(path.strip("/"))
            if not os.path.islink(link) or (not self.allow_hidden and self.is_hidden(path)):
                super().delete_file(path)
                return
            with self.perm_to_403():
                os.unlink(link)

        def _copy_dir(self, from_path: str, to_path_original: str, to_name: str, to_path: str) -> Any:
            source, target = (self._get_os_path(path.strip("/")) for path in (from_path, to_path))
            try:
                if os.path.islink(source):
                    os.symlink(os.path.realpath(source), target)  # what it says may hold for its own folder alone
                else:
                    shutil.copytree(source, target, symlinks=True)
            except OSError as error:
                raise web.HTTPError(400, f"Can't copy '{from_path}' into Folder '{to_path}': {error}") from error
            return self.get(to_path, content=False)

    return Kept
