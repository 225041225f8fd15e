"""Generate the tables of exifinator/metadata/makernotes from ExifTool's export of its tags.

make_tables.py is the command that writes them. probe.py, with craft.py and fit.py, measures ExifTool's conversions.
"""
