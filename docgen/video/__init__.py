"""Scripts that make the tables of video containers."""
