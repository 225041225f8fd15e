"""Build tool that compiles the explorer's scripts and styles. See __main__.py."""
