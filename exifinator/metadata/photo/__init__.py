"""The fields of `photo`, the part of a record that people search by.

fields.py has the table of all fields: the sources of each field in order of precedence, and how their values are
combined. The other modules read one kind of value each. normalize.py applies the table to one photo.
"""
