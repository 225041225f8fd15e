"""Generate the tables of QuickTime metadata."""
