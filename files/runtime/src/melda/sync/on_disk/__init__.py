"""What lies on local disk: a plugin folder with what is installed in it, and what is known of that."""
