"""Time the 2017 design on a bucket: python run.py BUCKET [LIMIT]. Needs BASE_S3, BASE_MONGO, BASE_REDIS."""

from gevent import monkey

monkey.patch_all()
import os, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from exifinator.worker import mrq_compat

mrq_compat.install()
from mrq.context import setup_context
from mrq.job import queue_job
import boto3
from pymongo import MongoClient

bucket, limit = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10**9
client = MongoClient(os.environ["BASE_MONGO"])
for db in ("mrq_original", "original"):
    client.drop_database(db)
setup_context()
from mrq.basetasks.indexes import EnsureIndexes

EnsureIndexes().run({})
bin_ = os.path.dirname(sys.executable)
here = os.path.dirname(os.path.abspath(__file__))
env = {**os.environ, "PYTHONPATH": sys.path[0]}
workers = [
    subprocess.Popen(
        [bin_ + "/mrq-worker", *q],
        cwd=here,
        env=env,
        stdout=open(os.path.join(tempfile.gettempdir(), f"design-2017-worker{i}.log"), "w"),
        stderr=subprocess.STDOUT,
    )
    for i, q in enumerate((["download", "write"], ["write"]))
]
time.sleep(4)
t = time.time()
n = 0
s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["BASE_S3"],
    aws_access_key_id="test",
    aws_secret_access_key="secret",
    region_name="us-east-1",
)
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
    for o in page.get("Contents", []):
        if n < limit and o["Key"].endswith(".jpg"):
            queue_job("tasks.Download", {"bucket_name": bucket, "key_name": o["Key"]}, queue="download")
            n += 1
t_enq = time.time() - t
done = lambda: client.mrq_original.mrq_jobs.count_documents(
    {"path": "tasks.Write", "status": {"$in": ["success", "failed"]}}
)
fail = lambda: client.mrq_original.mrq_jobs.count_documents({"status": "failed"})
while (
    done() + client.mrq_original.mrq_jobs.count_documents({"path": "tasks.Download", "status": "failed"}) < n
    and time.time() - t < 300
):
    time.sleep(0.1)
el = time.time() - t
for w in workers:
    w.send_signal(signal.SIGINT)
for w in workers:
    try:
        w.wait(10)
    except subprocess.TimeoutExpired:
        w.kill()
print(
    f"2017 design: {n} images in {el:.2f} s = {n / el:.1f} images/s (enqueue {t_enq:.2f} s), stored {client.original.exif_data.count_documents({})}, failed {fail()}"
)
