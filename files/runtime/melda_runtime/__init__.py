"""What runs in the container: Python 3.8 to 3.14, standard library only (root never imports what the user can write)."""
