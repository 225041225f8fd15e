"""The fields of `photo`, the summary that people search by.

`fields.py` is the table: each field, its sources in order of precedence, and how candidates are combined. The other
modules read one kind of value each. normalize.py fills the table for one photo.
"""
