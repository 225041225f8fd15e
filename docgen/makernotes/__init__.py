"""Make the tables of MakerNotes from ExifTool's export of its tags."""
