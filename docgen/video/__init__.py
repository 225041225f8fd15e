"""Generate the tables of video containers."""
