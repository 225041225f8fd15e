"""The explorer's scripts and styles -> the two files that a browser fetches; see __main__.py."""
