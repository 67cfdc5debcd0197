"""The program of the image: what runs in a container, and on a host."""
