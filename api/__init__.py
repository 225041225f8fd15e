"""The REST API: read access to the records, and the doors around it."""
