"""Make the tables of QuickTime metadata."""
