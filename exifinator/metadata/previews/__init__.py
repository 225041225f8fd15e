"""Find and fetch the JPEGs that cameras embed in their files, to show photos in formats that browsers cannot show."""
