"""Make previews that browsers can show, from embedded JPEGs and originals, and cache them on disk."""
