"""Find the files that belong to one photo, and combine their metadata.

Every function here is pure: it depends on records alone, not on the order in which they were stored.
"""
