"""Find the files that belong to one photo, and combine their metadata.

Every function here is pure: its result depends only on the records, not on the order in which they were stored.
"""
