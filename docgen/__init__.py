"""Makes the reference pages of docs/ from the code, each time that mkdocs builds them."""
