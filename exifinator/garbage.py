"""When Python looks for garbage: cycles among objects, which reference counts do not free.

It does after every 700 objects that are made and not freed yet, and looks through all that there are each time; records
and pages of a listing are made of thousands, and hardly ever of cycles. It took a tenth of a worker's computing, and
half of a listing's.
"""

from __future__ import annotations

import gc

# Objects made before the young ones are looked through.
THRESHOLD = 100_000


def collect_seldom() -> None:
    """Have what is here now stay unlooked at, and the rest looked through after THRESHOLD new objects.

    For a process that has made what it needs for all its life.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD, 20, 50)
