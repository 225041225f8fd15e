"""Make pictures that browsers can show, from embedded previews and originals, and cache them on disk."""
