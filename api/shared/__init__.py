"""State that all processes of the API share."""
