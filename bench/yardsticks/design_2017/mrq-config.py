"""Configuration of the 2017 design on today's drivers, for side-by-side measurement."""

import os
from exifinator.worker import mrq_compat

mrq_compat.install()
MONGODB_JOBS = os.environ["BASE_MONGO"] + "/mrq_original"
MONGODB_LOGS = "0"
REDIS = os.environ["BASE_REDIS"]
GREENLETS = 100
TRACE_GREENLETS = True
TRACE_IO = False
MAX_LATENCY = 1
REPORT_INTERVAL = 10.5
