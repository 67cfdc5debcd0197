"""What lies in the bucket: generations of a plugin folder, and the archives that they name."""
