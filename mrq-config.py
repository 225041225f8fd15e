"""MRQ's options, for mrq-worker, mrq-run and mrq-dashboard in this folder; what you may change is in settings.py."""

import signal
import sys

if "worker" in sys.argv[0]:
    # Ctrl-C while it comes up ends a worker without a traceback; once it has images in hand MRQ's handlers are there.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from exifinator import mrq_compat

mrq_compat.install()

from exifinator import logs, mrq_options, queues  # noqa: E402
from exifinator.config import load_config  # noqa: E402

config = load_config()
logs.configure(config)

REDIS = queues.connect_redis(config)
REDIS_PREFIX = config.mrq_database
MONGODB_JOBS = mrq_options.jobs_uri(config)
MONGODB_LOGS = "1"

WORKER_CLASS = "exifinator.worker.ImageWorker"
GREENLETS = config.greenlets
# Seconds that an idle worker sleeps before it looks again.
MAX_LATENCY = 0.05
REPORT_INTERVAL = 5
PAUSED_QUEUES_REFRESH_INTERVAL = 2
ENSURE_INDEXES = True

LOG_HANDLER = "exifinator.worker.JobLogHandler"
LOG_LEVEL = config.log_level
LOG_FORMAT = logs.FORMAT

RAW_QUEUES = mrq_options.raw_queues(config)
TASKS = mrq_options.tasks(config)
SCHEDULER = True
SCHEDULER_INTERVAL = 5
SCHEDULER_TASKS = mrq_options.scheduled_tasks()

DASHBOARD_IP = config.dashboard_host
DASHBOARD_PORT = config.dashboard_port
DASHBOARD_HTTPAUTH = config.dashboard_auth.get_secret_value() if config.dashboard_auth else ""
DASHBOARD_QUEUE = mrq_options.MAINTENANCE_QUEUE
