"""Decode the metadata of QuickTime movies and of other formats that consist of the same boxes (MP4, 3GP)."""
