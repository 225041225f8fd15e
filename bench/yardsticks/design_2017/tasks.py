"""The 2017 tasks, as that project's README describes them: whole object to disk, then parse and insert."""

import os
import tempfile

import boto3
from botocore.config import Config
from exifread import process_file
from mrq.context import connections
from mrq.job import queue_job
from mrq.task import Task
from pymongo import MongoClient

S3 = boto3.client(
    "s3",
    endpoint_url=os.environ["BASE_S3"],
    aws_access_key_id="test",
    aws_secret_access_key="secret",
    region_name="us-east-1",
    config=Config(max_pool_connections=100),
)
STORE = MongoClient(os.environ["BASE_MONGO"]).original.exif_data
TMP = tempfile.gettempdir() + "/original-photos"
os.makedirs(TMP, exist_ok=True)


class Download(Task):
    def run(self, params):
        path = os.path.join(TMP, params["key_name"].replace("/", "_"))
        with open(path, "wb") as out:
            out.write(S3.get_object(Bucket=params["bucket_name"], Key=params["key_name"])["Body"].read())
        queue_job("tasks.Write", {"path": path}, queue="write")


class Write(Task):
    def run(self, params):
        with open(params["path"], "rb") as f:
            found = process_file(f, details=False)
        os.remove(params["path"])
        STORE.insert_one(
            {
                k: {
                    "printable": str(v),
                    "tag": v.tag,
                    "field_type": int(v.field_type),
                    "field_length": v.field_length,
                    "values": str(v.values),
                }
                for k, v in found.items()
                if hasattr(v, "printable")
            }
        )
