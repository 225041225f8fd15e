"""EXIFinator's settings. Edit them here, or set environment variables EXIFINATOR_<NAME>, which take precedence.

This file only contains values. `python -m exifinator settings` shows the values in effect, without secrets.
"""

# --- Where the photos are -------------------------------------------------------------------------------------------
# Sources that `./run.sh` indexes if none are given, as bucket or bucket/prefix. Patterns may follow, as on the command
# line: "bucket --include '*/original.*' --exclude 'drafts/'". Empty: the demo library.
S3_BUCKETS = []
# True: skip the files that operating systems, file servers and transfers leave among photos, such as Thumbs.db, ._* and
# everything in @eaDir/. They are counted as excluded.
SKIP_JUNK_FILES = True
# URL of the S3 server, such as "https://minio.example.org:9000" for MinIO, Ceph or R2. It may have a path. None: the
# endpoint in boto3's configuration (such as AWS_ENDPOINT_URL), or Amazon S3 if it has none.
S3_ENDPOINT_URL = None
# Access key id for S3. If both keys are None (recommended), boto3 searches the environment, ~/.aws and the
# instance role.
AWS_ACCESS_KEY = None
# Secret access key for S3.
AWS_SECRET_KEY = None
# Region of the buckets. None: the region in boto3's configuration, or us-east-1 if it has none.
AWS_REGION = None
# True: read public buckets without credentials.
S3_ANONYMOUS = False
# True: pay for requests to requester-pays buckets.
S3_REQUESTER_PAYS = False
# "path" (https://host/bucket/key), "virtual" (https://bucket.host/key), or "auto": path unless the server is Amazon S3.
S3_ADDRESSING = "auto"
# S3 read timeout, in seconds.
S3_TIMEOUT_SECONDS = 20.0
# "lean": the fast client, which needs a quarter of boto3's CPU time and leaves unusual cases to boto3. "boto3":
# only boto3.
S3_CLIENT = "lean"
# File with the CA certificates (PEM) to trust for S3. None: the file in AWS_CA_BUNDLE, or the public CAs if it is
# not set.
S3_CA_FILE = None
# Key of objects that were stored with a customer-provided key (SSE-C): 32 bytes in Base64. S3 accepts it only over
# https.
S3_SSE_C_KEY = None
# Where the workers are, on which Amazon's price for the traffic depends: "same-region" (free), "other-region" of AWS,
# or "internet".
S3_TRAFFIC = "internet"
# Prices of the S3 server in dollars, such as {"get": 0.0004, "list": 0.005, "transfer": 0.09}: per 1,000 requests, and
# per GB read. In the environment, S3_PRICES is JSON. None: Amazon's list prices; other servers cost nothing.
S3_PRICES = None

# --- Where the metadata goes ----------------------------------------------------------------------------------------
# URI of MongoDB 4.2 or later. If it points to this machine and nothing listens there, setup.sh starts MongoDB on a
# Unix socket that only this user can open.
MONGODB_URI = "mongodb://127.0.0.1:27017"
# MongoDB database for records, thumbnails and batches.
MONGODB_DATABASE = "waldo"
# MongoDB collection for records.
MONGODB_COLLECTION = "exif_data"

# --- The queues -----------------------------------------------------------------------------------------------------
# URL of Redis or Valkey 6.2 or later; rediss:// for TLS, unix:// for a Unix socket. If it points to this machine and
# nothing listens there, setup.sh starts Redis on a Unix socket that only this user can open.
REDIS_URL = "redis://127.0.0.1:6379/0"
# MongoDB database for MRQ's jobs, and prefix of the Redis keys. Installations that share servers need different names.
MRQ_DATABASE = "mrq"
# Name of the download queue, which contains images to fetch.
DOWNLOAD_QUEUE = "download"
# Name of the write queue, which contains metadata to decode and store.
WRITE_QUEUE = "write"
# Maximum number of images in the download queue. While the queue is full, the listing waits.
MAX_QUEUED = 1000000
# Maximum size of the write queue, in MiB. While the queue is full, downloads wait.
WRITE_QUEUE_MB = 64
# Lease of an image, in seconds. If a worker dies, its images are delivered again when their leases expire.
LEASE_SECONDS = 30
# From this delivery on, an image is read in a subprocess, because it may be the reason why workers died before.
MAX_DELIVERIES = 3
# Maximum number of retries of an image after transient errors. If the last retry fails too, the image counts as failed.
MAX_RETRIES = 4
# Average delay before the first retry, in seconds. Each further delay is three times as long as the one before.
RETRY_DELAY_SECONDS = 5.0
# "failures": jobs that succeed are not stored. "all": jobs that succeed are stored for a day.
TASK_HISTORY = "failures"
# URL to which the end of each batch is posted, such as "https://example.org/hooks/photos". None: nobody is told.
BATCH_WEBHOOK_URL = None
# Key with which these requests are signed: "whsec_" and Base64, or any other text. None: they are not signed.
BATCH_WEBHOOK_SECRET = None
# URL of an Amazon SQS queue with S3's notifications. The index then follows changes in the buckets within seconds.
EVENTS_SQS_URL = None
# Token with which S3 servers send notifications to POST /events/s3 of the API. None: no token is accepted. If neither
# this nor EVENTS_HMAC_SECRET is set, the path is closed.
EVENTS_TOKEN = None
# Key of the signature that replaces the token: the header "X-Hub-Signature-256: sha256=" and the HMAC-SHA256 of the
# body in hexadecimal. None: no signature is accepted.
EVENTS_HMAC_SECRET = None
# Sources that the workers index regularly, as {"source": "s3://bucket/prefix", "every": "6h"}. Further keys: "at", a
# time of day such as "02:00", in UTC or in the "timezone"; "prune", which removes the records of deleted objects after
# each batch; "include" and "exclude", lists of patterns; "max_dollars" and "max_requests", the limits of each batch. In
# the environment, SCHEDULE is JSON.
SCHEDULE = []

# --- The workers ----------------------------------------------------------------------------------------------------
# Number of worker processes. 0: one per CPU core.
WORKER_PROCESSES = 0
# Number of jobs that one worker process runs at the same time; four fifths of them may fetch images. "auto": the worker
# finds out how many reads at the same time are fastest, from 8 to 1,000.
GREENLETS = "auto"
# Size of the first ranged read of an image, in bytes. "auto": 49,152 at first; then each worker process learns from the
# images that it reads which size is cheapest, from 16,384 to 262,144, for each folder and extension.
FIRST_READ_BYTES = "auto"
# CPU time limit for decoding one image, in seconds. An image that exceeds the limit is recorded as damaged.
PARSE_DEADLINE_SECONDS = 2.0
# Memory limit for decoding one image, in MiB. An image that exceeds the limit is recorded as damaged.
PARSE_MEMORY_MB = 256
# Minimum level of the lines in logs/: DEBUG, INFO, WARNING or ERROR.
LOG_LEVEL = "INFO"
# Format of the log lines: "text", or "json" (one JSON object per line) for log collectors.
LOG_FORMAT = "text"

# --- The web --------------------------------------------------------------------------------------------------------
# Address on which MRQ's dashboard listens. If other machines can reach this address, DASHBOARD_AUTH is required.
DASHBOARD_HOST = "127.0.0.1"
# Port of the dashboard.
DASHBOARD_PORT = 5555
# User name and password of the dashboard, as "user:password". None: no password is needed.
DASHBOARD_AUTH = None
# If a reverse proxy forwards requests to a dashboard on this machine: the host names that clients use for the proxy.
# DASHBOARD_AUTH is then required.
DASHBOARD_ALLOWED_HOSTS = []
# Address on which the API and the explorer listen. If other machines can reach this address, API_TOKEN is required.
API_HOST = "127.0.0.1"
# Port of the API and the explorer.
API_PORT = 3001
# Number of processes that serve the API. They share the port. 0: one per CPU core, at most 4.
API_PROCESSES = 0
# Access token of the API, which clients send as "Authorization: Bearer TOKEN". If it is set, all requests need it,
# except those for the explorer's page and health checks. None: no token is needed, and only this machine can use the
# API.
API_TOKEN = None
# True: photos, facets, exports and metrics can be read without API_TOKEN, by everyone who can reach the API.
API_PUBLIC_READ = False
# Other origins whose web pages may read from the API, such as "https://photos.example.org".
API_CORS_ORIGINS = []
# If a reverse proxy forwards requests to an API on this machine: the host names that clients use for the proxy.
# API_TOKEN is then required.
API_ALLOWED_HOSTS = []
# Addresses or networks of reverse proxies, such as "127.0.0.1". From them, the API accepts the header X-Forwarded-For
# with the address of the client, so that wrong tokens count for this client and not for all clients of the proxy.
API_TRUSTED_PROXIES = []
# True: the API returns links to the originals: presigned links to S3, and links to files in folders. Anyone who has a
# link can use it for ten minutes. None: only if no other machine can reach the API.
API_SIGN_ORIGINALS = None
# True: the API makes previews of photos whose files have no thumbnail, or which browsers cannot show. It reads the
# preview that cameras embed in RAW files, or the original, and decodes it in a process with limits.
API_PREVIEWS = True
# Largest original or embedded preview that is read for this, in MiB.
API_PREVIEW_MAX_MB = 64
# Size of the cache for these previews, in var/previews, in MiB. 0: no cache.
API_PREVIEW_CACHE_MB = 1024
# Tags to index in MongoDB for fast searches, by their names in records. Each index makes writes a little slower.
INDEXED_TAGS = ["Image Make"]
# URL of the tiles for the explorer's map, such as "https://tiles.example.org/{z}/{x}/{y}.png". None: the map shows only
# an outline of the world.
MAP_TILES_URL = None
# Attribution of the map tiles, shown on the map.
MAP_TILES_ATTRIBUTION = ""

# --- The start ------------------------------------------------------------------------------------------------------
# How long a program that EXIFinator starts (Redis, MongoDB, a worker, the dashboard, the API) may take until it
# responds, in seconds. A program that keeps crashing is reported after a few seconds. `run`, `start` and `services`
# wait as long for a Redis or MongoDB that EXIFinator does not start, which may be restarting.
START_TIMEOUT_SECONDS = 60.0
