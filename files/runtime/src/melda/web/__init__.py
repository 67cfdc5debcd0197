"""What both web servers share: limits of connections, who may ask, and asking them."""
