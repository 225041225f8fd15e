"""Say where and when a photo was taken from its position: the nearest populated place, and the time zone.

Both are offline. Data: GeoNames, CC BY 4.0 (places); timezone-boundary-builder, ODbL 1.0, in tzfpy (time zones).
"""

from __future__ import annotations
