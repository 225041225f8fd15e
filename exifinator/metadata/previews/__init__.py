"""Find and fetch the JPEGs that cameras embed in their files, for showing formats that browsers cannot show."""
