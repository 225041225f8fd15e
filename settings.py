"""EXIFinator's settings: edit here, or set EXIFINATOR_<NAME> in the environment, which wins.

Nothing here connects to anything. `python -m exifinator settings` shows what is in force, without secrets.
"""

# --- Where the photos are -------------------------------------------------------------------------------------------
# Buckets, or bucket/prefix, that `./run.sh` reads when it is given none. Empty: the demo library.
S3_BUCKETS = []
# None: Amazon S3. Else the address of MinIO, Ceph, R2, ..., as in "https://minio.example.org:9000".
S3_ENDPOINT_URL = None
# The access key id. None for both keys: boto3's own chain (environment, ~/.aws, instance role), the better place.
AWS_ACCESS_KEY = None
# The secret access key.
AWS_SECRET_KEY = None
# None: what boto3's chain says, else us-east-1.
AWS_REGION = None
# True: public buckets, read without credentials.
S3_ANONYMOUS = False
# True: you pay for the requests to a bucket that asks for it.
S3_REQUESTER_PAYS = False
# "path" (https://host/bucket/key), "virtual" (https://bucket.host/key), or "auto": path where S3_ENDPOINT_URL is set.
S3_ADDRESSING = "auto"
# How long S3 may keep silent before a request counts as failed, in seconds.
S3_TIMEOUT_SECONDS = 20.0
# "lean" reads with a quarter of boto3's computing and leaves to boto3 what is not plain; "boto3" uses nothing else.
S3_CLIENT = "lean"
# A file of the certificates (PEM) by which the S3 server is known. None: AWS_CA_BUNDLE, else the public authorities.
S3_CA_FILE = None

# --- Where the metadata goes ----------------------------------------------------------------------------------------
# Where MongoDB (4.2 or later) is. Here, and nothing listens: setup.sh starts one.
MONGODB_URI = "mongodb://127.0.0.1:27017"
# The database of the records, the thumbnails and the batches.
MONGODB_DATABASE = "waldo"
# The collection of the records, one an image.
MONGODB_COLLECTION = "exif_data"

# --- The queues -----------------------------------------------------------------------------------------------------
# Where Redis or Valkey (6.2 or later) is; rediss:// for TLS. Here, and nothing listens: setup.sh starts one.
REDIS_URL = "redis://127.0.0.1:6379/0"
# MRQ's job records, and the prefix of its keys in Redis: two installations that share servers differ here.
MRQ_DATABASE = "mrq"
# What `mrq-worker download write` calls the queue of images to be read.
DOWNLOAD_QUEUE = "download"
# What `mrq-worker write` calls the queue of metadata to be decoded and stored.
WRITE_QUEUE = "write"
# Images that may wait in Redis to be read; above it the listing waits.
MAX_QUEUED = 1000000
# Metadata that may wait in Redis for a write worker, in MiB; above it the downloads wait.
WRITE_QUEUE_MB = 64
# An image whose worker fell silent is given to another one after this many seconds.
LEASE_SECONDS = 30
# An image that was given out this often without an end is tried in a process of its own, which it may kill.
MAX_DELIVERIES = 3
# How often an image is tried again after an error that may pass, before it counts as failed.
MAX_RETRIES = 4
# The first pause before such a try, in seconds; each pause is three times the one before.
RETRY_DELAY_SECONDS = 5.0
# "failures": jobs that succeed leave no trace in MongoDB. "all": they are kept for a day.
TASK_HISTORY = "failures"

# --- The workers ----------------------------------------------------------------------------------------------------
# Processes that read and write; 0: one a core.
WORKER_PROCESSES = 0
# Images that one process reads at a time.
GREENLETS = 100
# How much of an image the first request asks for, in bytes.
FIRST_READ_BYTES = 49152
# What decoding one file may cost before it counts as damaged, in seconds of computing.
PARSE_DEADLINE_SECONDS = 2.0
# The same, in MiB of memory.
PARSE_MEMORY_MB = 256
# What goes into logs/: DEBUG, INFO, WARNING or ERROR.
LOG_LEVEL = "INFO"
# How it is written: "text", or "json" with one object a line, for a collector of logs.
LOG_FORMAT = "text"

# --- The web --------------------------------------------------------------------------------------------------------
# The address that MRQ's dashboard binds. Beyond this machine it starts only with DASHBOARD_AUTH.
DASHBOARD_HOST = "127.0.0.1"
# Its port.
DASHBOARD_PORT = 5555
# "user:password" that it asks for; None: it asks for none.
DASHBOARD_AUTH = None
# The address that the REST API binds. Beyond this machine it starts only with API_TOKEN.
API_HOST = "127.0.0.1"
# Its port.
API_PORT = 3001
# What requests must carry, as in "Authorization: Bearer TOKEN", once it is set and the API binds beyond this machine.
API_TOKEN = None
# Origins whose pages may read the API from a browser, as in "https://photos.example.org".
API_CORS_ORIGINS = []
# Names under which a proxy of yours reaches an API that binds this machine alone.
API_ALLOWED_HOSTS = []
# True: the API hands out links to the originals in S3, which whoever has one can use for ten minutes.
API_SIGN_ORIGINALS = False
# Tags, by their name in a record, that get an index of their own; one costs each write a little.
INDEXED_TAGS = ["Image Make"]
# Street tiles for the explorer's map, as in "https://tiles.example.org/{z}/{x}/{y}.png". None: an outline of the world.
MAP_TILES_URL = None
# Whom the map names as the source of these tiles.
MAP_TILES_ATTRIBUTION = ""
# The port where folders of this machine are served from as buckets (rclone serve s3, on 127.0.0.1).
LOCAL_S3_PORT = 9000
