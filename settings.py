"""EXIFinator's settings: edit here, or set EXIFINATOR_<NAME> in the environment, which takes precedence.

Nothing here connects to anything. `python -m exifinator settings` shows the values in effect, without secrets.
"""

# --- Where the photos are -------------------------------------------------------------------------------------------
# Default sources of `./run.sh`, as bucket or bucket/prefix. Empty: the demo library.
S3_BUCKETS = []
# URL of the S3 server, such as "https://minio.example.org:9000" for MinIO, Ceph or R2. None: Amazon S3.
S3_ENDPOINT_URL = None
# Access key id. None for both keys (recommended): boto3 searches the environment, ~/.aws and the instance role.
AWS_ACCESS_KEY = None
# Secret access key.
AWS_SECRET_KEY = None
# Region of the buckets. None: the region in boto3's configuration, else us-east-1.
AWS_REGION = None
# True: read public buckets without credentials.
S3_ANONYMOUS = False
# True: pay for requests to requester-pays buckets.
S3_REQUESTER_PAYS = False
# "path" (https://host/bucket/key), "virtual" (https://bucket.host/key), or "auto": path if S3_ENDPOINT_URL is set.
S3_ADDRESSING = "auto"
# S3 read timeout, in seconds.
S3_TIMEOUT_SECONDS = 20.0
# "lean": a client that needs a quarter of boto3's CPU time, and leaves unusual cases to boto3. "boto3": boto3 only.
S3_CLIENT = "lean"
# File of CA certificates (PEM) for the connection to S3. None: AWS_CA_BUNDLE, else the public authorities.
S3_CA_FILE = None

# --- Where the metadata goes ----------------------------------------------------------------------------------------
# URI of MongoDB 4.2 or later. If it points to this machine and nothing listens there, setup.sh starts MongoDB.
MONGODB_URI = "mongodb://127.0.0.1:27017"
# Database of the records, thumbnails and batches.
MONGODB_DATABASE = "waldo"
# Collection of the records, one per image.
MONGODB_COLLECTION = "exif_data"

# --- The queues -----------------------------------------------------------------------------------------------------
# URL of Redis or Valkey 6.2 or later; rediss:// for TLS. If it points to this machine and nothing listens there,
# setup.sh starts Redis.
REDIS_URL = "redis://127.0.0.1:6379/0"
# Database of MRQ's jobs, and prefix of MRQ's Redis keys. Installations that share servers need different names.
MRQ_DATABASE = "mrq"
# Name of the download queue, which contains images to fetch.
DOWNLOAD_QUEUE = "download"
# Name of the write queue, which contains metadata to decode and store.
WRITE_QUEUE = "write"
# Maximum number of images in the download queue. While it is full, the listing waits.
MAX_QUEUED = 1000000
# Maximum size of the write queue, in MiB. While it is full, downloads wait.
WRITE_QUEUE_MB = 64
# Lease of an image, in seconds. If its worker does not respond for this long, the image goes to another worker.
LEASE_SECONDS = 30
# After this many deliveries without a result, an image is read in a subprocess.
MAX_DELIVERIES = 3
# Maximum number of retries after transient errors, before an image counts as failed.
MAX_RETRIES = 4
# Mean delay before the first retry, in seconds. Each further delay is three times as long.
RETRY_DELAY_SECONDS = 5.0
# "failures": MongoDB stores no jobs that succeed. "all": it keeps them for a day.
TASK_HISTORY = "failures"

# --- The workers ----------------------------------------------------------------------------------------------------
# Number of worker processes. 0: one per CPU core.
WORKER_PROCESSES = 0
# Number of images that one worker process fetches at the same time.
GREENLETS = 100
# Size of the first ranged read of an image, in bytes.
FIRST_READ_BYTES = 49152
# CPU time limit for decoding one file, in seconds. A file that exceeds it counts as damaged.
PARSE_DEADLINE_SECONDS = 2.0
# Memory limit for decoding one file, in MiB. A file that exceeds it counts as damaged.
PARSE_MEMORY_MB = 256
# Minimum level of the lines in logs/: DEBUG, INFO, WARNING or ERROR.
LOG_LEVEL = "INFO"
# Format of the log lines: "text", or "json" for log collectors, with one object per line.
LOG_FORMAT = "text"

# --- The web --------------------------------------------------------------------------------------------------------
# Address that MRQ's dashboard listens on. If other machines can reach it, DASHBOARD_AUTH is required.
DASHBOARD_HOST = "127.0.0.1"
# Port of the dashboard.
DASHBOARD_PORT = 5555
# Login of the dashboard, as "user:password". None: no login.
DASHBOARD_AUTH = None
# Address that the API and the explorer listen on. If other machines can reach it, API_TOKEN is required.
API_HOST = "127.0.0.1"
# Port of the API and the explorer.
API_PORT = 3001
# Access token of the API, sent as "Authorization: Bearer TOKEN". Read requests need it only if other machines can reach
# API_HOST.
API_TOKEN = None
# Origins whose web pages may read from the API, such as "https://photos.example.org".
API_CORS_ORIGINS = []
# Host names under which your reverse proxy forwards requests to an API on a loopback API_HOST.
API_ALLOWED_HOSTS = []
# True: the API returns presigned links to the originals in S3. Anyone who has a link can use it for ten minutes.
API_SIGN_ORIGINALS = False
# Names of tags, as in records, that get an index. Each index makes writes a little slower.
INDEXED_TAGS = ["Image Make"]
# Tile URL of the explorer's map, such as "https://tiles.example.org/{z}/{x}/{y}.png". None: an outline of the world.
MAP_TILES_URL = None
# Attribution of the map tiles, shown on the map.
MAP_TILES_ATTRIBUTION = ""
# Port on 127.0.0.1 where local folders are served as buckets (rclone serve s3).
LOCAL_S3_PORT = 9000

# --- The start ------------------------------------------------------------------------------------------------------
# How long a program that EXIFinator starts (Redis, MongoDB, rclone, a worker, the dashboard, the API) may take until it
# responds, in seconds. A program that exits is reported immediately.
START_TIMEOUT_SECONDS = 60.0
