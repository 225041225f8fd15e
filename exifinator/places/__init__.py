"""Find the nearest populated place and the time zone of a photo from its position, without network access.

Data: GeoNames, CC BY 4.0 (places); timezone-boundary-builder, ODbL 1.0, in tzfpy (time zones).
"""

from __future__ import annotations
