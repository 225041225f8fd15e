"""The S3 server of a bucket, as configured in any place, and the names and ARNs that are accepted for buckets."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest

from exifinator.bucket_names import is_bucket_name, split_bucket
from exifinator.config import build_config
from exifinator.errors import ConfigError, EncryptedObject, EXIFinatorError, PermanentError, WrongEndpoint
from exifinator.models import ImageRef
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.endpoint import endpoint_name
from exifinator.sources.source import Source, parse_source, parse_user_source
from tests.stub_s3 import Reply, Request, StubS3, connect_stub, error
from tests.unit.sources.test_wrong_responses import BODY, NOON, REF

ACCESS_POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint"
OUTPOST = "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/my-ap"
OBJECT_LAMBDA = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/my-olap"
MULTI_REGION = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"
SSE_C_KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


def client(**settings: object) -> S3Client:
    return S3Client(build_config({"AWS_ACCESS_KEY": "k", "AWS_SECRET_KEY": "s", **settings}, {}))


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_endpoint__url_in_the_environment__is_the_server(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:22010")

    assert client().endpoint("b") == "http://127.0.0.1:22010"


@pytest.mark.parametrize(
    "lines",
    [
        "endpoint_url = https://s3.example.org/",
        "services = s\n[services s]\ns3 =\n  endpoint_url = https://s3.example.org",
    ],
)
def test_endpoint__url_in_a_profile__is_the_server_with_the_bucket_in_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: str
) -> None:
    (tmp_path / "config").write_text(f"[profile p]\n{lines}\n")
    monkeypatch.setenv("AWS_PROFILE", "p")

    s3 = client()

    assert s3.endpoint("b") == "https://s3.example.org"
    # Only Amazon S3 has a host for each bucket.
    url = s3.client("b").generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert url.startswith("https://s3.example.org/b/k")


@pytest.mark.parametrize(
    ("variables", "settings"),
    [
        ({}, {}),
        ({}, {"AWS_REGION": "eu-west-3"}),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, {"AWS_REGION": "eu-west-3"}),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_REGION": "us-west-2"}),
        ({}, {"S3_ENDPOINT_URL": "https://s3.eu-west-3.amazonaws.com"}),
        ({"AWS_ENDPOINT_URL": "https://bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com"}, {}),
    ],
)
def test_endpoint__any_endpoint_of_amazon__is_amazon_s3(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], settings: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert client(**settings).endpoint("b") == "Amazon S3"


@pytest.mark.parametrize(
    ("url", "partition", "name"),
    [
        ("https://s3.cn-north-1.amazonaws.com.cn", "aws-cn", "Amazon S3 (aws-cn)"),
        ("https://s3.us-gov-west-1.amazonaws.com", "aws-us-gov", "Amazon S3 (aws-us-gov)"),
        ("https://ec2-1-2-3-4.compute-1.amazonaws.com:9000", "aws", "https://ec2-1-2-3-4.compute-1.amazonaws.com:9000"),
        ("https://s3.amazonaws.com.example.org", "aws", "https://s3.amazonaws.com.example.org"),
        ("HTTPS://MinIO.example.org:443/", "aws", "https://minio.example.org"),
        ("http://[::1]:9000", "aws", "http://[::1]:9000"),
        ("https://x.supabase.co/storage/v1/s3/", "aws", "https://x.supabase.co/storage/v1/s3"),
    ],
)
def test_endpoint_name__url_and_partition__is_the_name_of_the_server(url: str, partition: str, name: str) -> None:
    assert endpoint_name(url, partition) == name


def test_read_range__endpoint_with_a_path__keeps_the_path() -> None:
    stub = StubS3({"storage": {"v1/s3/b/a.jpg": BODY}})
    s3 = connect_stub(stub, S3_ENDPOINT_URL="http://stub.test/storage/v1/s3/")

    assert s3.read_range(REF, 0, 10).data == BODY[:10]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (f"{ACCESS_POINT}/my-ap", Source(f"{ACCESS_POINT}/my-ap")),
        (f"{ACCESS_POINT}/my-ap/2024/", Source(f"{ACCESS_POINT}/my-ap", "2024/")),
        (f"s3://{ACCESS_POINT}/my-ap/2024/a/b", Source(f"{ACCESS_POINT}/my-ap", "2024/a/b")),
        (f"{ACCESS_POINT}:my-ap/2024/", Source(f"{ACCESS_POINT}/my-ap", "2024/")),
        (f"s3://{ACCESS_POINT}:my-ap", Source(f"{ACCESS_POINT}/my-ap")),
        (f"{OUTPOST.replace('/', ':')}/2024/a:b/", Source(OUTPOST, "2024/a:b/")),
        (f"{OBJECT_LAMBDA.replace('/', ':')}/x", Source(OBJECT_LAMBDA, "x")),
        (f"{MULTI_REGION.replace('/', ':')}/x", Source(MULTI_REGION, "x")),
        (f"{ACCESS_POINT}/my-ap//x", Source(f"{ACCESS_POINT}/my-ap", "/x")),
        (f"{OUTPOST}/2024/", Source(OUTPOST, "2024/")),
        (f"{MULTI_REGION}/x", Source(MULTI_REGION, "x")),
        ("arn:aws-cn:s3:::my-bucket/2024/", Source("my-bucket", "2024/")),
        ("arn:aws:s3express:us-west-2:123456789012:bucket/b--usw2-az1--x-s3/p/", Source("b--usw2-az1--x-s3", "p/")),
        (
            "s3://arn:aws:s3express:us-west-2:123456789012:accesspoint/ap--usw2-az1--xa-s3",
            Source("ap--usw2-az1--xa-s3"),
        ),
        (f"{OBJECT_LAMBDA}/x", Source(OBJECT_LAMBDA, "x")),
        ("my-ap-hrzrlukc5m36ft7okagglf3g-s3alias/x", Source("my-ap-hrzrlukc5m36ft7okagglf3g-s3alias", "x")),
    ],
)  # fmt: skip
def test_parse_source__arn_with_a_prefix__is_split_after_the_bucket(text: str, source: Source) -> None:
    assert parse_user_source(text) == source
    assert parse_source(str(source)) == source
    assert split_bucket(f"{source.bucket}/a/b.jpg") == (source.bucket, "a/b.jpg")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:us-west-2:123456789012:queue",
        "arn:aws:s3:us-west-2:1:accesspoint/",
        "arn:aws:s3:us-west-2::accesspoint/my-ap",
        "arn:aws:s3:us-west-2:12345:accesspoint/my-ap/2024",
        "arn:aws:s3:us-west-2:123456789012:accesspoint/my_ap",
        "arn:aws:s3:us-west-2:123456789012:accesspoint",
        "arn:aws:s3:us-west-2:123456789012:storage-lens/x",
        "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/bucket/b",
        "arn:aws:s3-outposts:us-west-2:123456789012:accesspoint/my-ap",
        "arn:aws:s3tables:us-west-2:123456789012:bucket/t",
        "arn:aws:s3vectors:us-west-2:123456789012:bucket/t",
        "arn:",
    ],
)
def test_parse_user_source__arn_of_no_bucket__raises_with_the_arns_that_are_accepted(arn: str) -> None:
    with pytest.raises(ConfigError, match=r"Not a bucket name: .*; write the ARN of a bucket, or of an access point"):
        parse_user_source(arn)


@pytest.mark.parametrize("bucket", ["photos--use1-az4--x-s3", "ap--use1-az4--xa-s3"])
def test_parse_user_source__directory_bucket__requires_a_slash_after_the_prefix(bucket: str) -> None:
    assert parse_user_source(f"{bucket}/2024/") == Source(bucket, "2024/")
    assert parse_user_source(bucket) == Source(bucket)
    with pytest.raises(ConfigError, match="end the prefix in a slash"):
        parse_user_source(f"s3://{bucket}/2024/IMG")


def first_request(s3: S3Client, bucket: str) -> str:
    """Return the URL of the first request of a listing, without sending it."""

    class NotSent(Exception):
        pass

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        raise NotSent(request.url)

    s3.client(bucket).meta.events.register_first("before-send.s3", stop)
    with pytest.raises((NotSent, EXIFinatorError)) as caught:
        s3.list_page(bucket, "", None)
    reason = caught.value.__cause__ or caught.value
    assert isinstance(reason, NotSent), reason
    return str(reason)


HOSTS = {
    "photos--usw2-az1--x-s3": "photos--usw2-az1--x-s3.s3express-usw2-az1.us-west-2.amazonaws.com",
    "ap--usw2-az1--xa-s3": "ap--usw2-az1--xa-s3.s3express-usw2-az1.us-west-2.amazonaws.com",
    "my-ap-abc-s3alias": "my-ap-abc-s3alias.s3.us-west-2.amazonaws.com",
    "my-olap-abc--ol-s3": "my-olap-abc--ol-s3.s3.us-west-2.amazonaws.com",
    f"{ACCESS_POINT}/my-ap": "my-ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com",
    f"{ACCESS_POINT}:my-ap": "my-ap-123456789012.s3-accesspoint.us-west-2.amazonaws.com",
    OBJECT_LAMBDA: "my-olap-123456789012.s3-object-lambda.us-west-2.amazonaws.com",
    OUTPOST: "my-ap-123456789012.op-1.s3-outposts.us-west-2.amazonaws.com",
}


@pytest.mark.parametrize("bucket", HOSTS)
@pytest.mark.parametrize("region", ["us-west-2", "eu-west-1"])
def test_list_page__name_or_arn_of_amazon__uses_the_host_of_the_bucket(bucket: str, region: str) -> None:
    url = first_request(client(AWS_REGION=region), bucket)

    # An ARN contains its region. For a name, the configured region is used.
    expected = HOSTS[bucket] if bucket.startswith("arn:") else HOSTS[bucket].replace("us-west-2", region)
    assert urlsplit(url).hostname == expected


@pytest.mark.parametrize("name", ["photos--usw2-az1--x-s3", "ap--usw2-az1--xa-s3"])
def test_list_page__directory_bucket__is_listed_in_one_range_without_optional_attributes(name: str) -> None:
    s3 = client(AWS_REGION="us-west-2")
    sent: list[dict[str, object]] = []
    s3.client(name).meta.events.register("provide-client-params.s3", lambda params, **_: sent.append(params))
    first_request(s3, name)

    assert "OptionalObjectAttributes" not in sent[0]
    assert not s3.can_list_ranges(name)
    assert s3.can_list_ranges("photos")


def test_list_page__multi_region_access_point__raises_with_an_alternative() -> None:
    with pytest.raises(PermanentError, match=r"signed for several regions .*; name an access point or the bucket"):
        client(AWS_REGION="us-west-2").list_page(MULTI_REGION, "", None)


def test_list_page__access_point_of_another_partition__raises_with_the_setting_to_change() -> None:
    with pytest.raises(PermanentError, match=r"access point arn:aws-cn\S+ cannot be used: Client .*; set AWS_REGION"):
        client(AWS_REGION="us-west-2").list_page("arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-ap", "", None)


@pytest.mark.parametrize("bucket", [f"{ACCESS_POINT}/my-ap", OUTPOST, OBJECT_LAMBDA])
def test_list_page__access_point_on_another_server__is_refused_without_a_request(
    monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio.example.org")

    with pytest.raises(WrongEndpoint, match=r"access point of Amazon S3, but the server is https://minio.example.org;"):
        client().list_page(bucket, "", None)


def test_list_page__access_point_with_an_endpoint_of_amazon__is_requested_there() -> None:
    s3 = client(S3_ENDPOINT_URL="https://accesspoint.vpce-1.s3.us-west-2.vpce.amazonaws.com")

    assert "//my-ap-123456789012.accesspoint.vpce-1." in first_request(s3, f"{ACCESS_POINT}/my-ap")


@pytest.mark.parametrize("name", ["_archive", "a", ".photos", "Old_Bucket.1", f"{ACCESS_POINT}/my-ap"])
def test_bucket_name__name_that_some_server_accepts__is_accepted_by_boto3(name: str) -> None:
    assert is_bucket_name(name)
    assert parse_user_source(name).bucket == name
    client().client(name).generate_presigned_url("get_object", Params={"Bucket": name, "Key": "k"})


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "a b", "a/b", "a\nb", "x" * 256])
def test_bucket_name__name_that_no_server_accepts__is_rejected(name: str) -> None:
    assert not is_bucket_name(name)


def encrypted(*keys: str) -> StubS3:
    """Return a server that requires the SSE-C key for the objects with these keys, and rejects it for other objects."""

    def check(request: Request, reply: Reply) -> Reply:
        has_key = request.headers.get("x-amz-server-side-encryption-customer-key") == SSE_C_KEY
        if request.key in keys and not has_key:
            return error(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
        if request.key not in keys and has_key:
            return error(400, "InvalidRequest", "The encryption parameters are not applicable to this object.")
        return reply

    return StubS3({"b": {"plain.jpg": BODY, "secret.jpg": BODY, "other.jpg": BODY}}, on_get={"b": check})


def test_read_range__customer_key__is_sent_to_objects_that_need_it() -> None:
    stub = encrypted("secret.jpg", "other.jpg")
    s3 = connect_stub(stub, S3_SSE_C_KEY=SSE_C_KEY)
    names = ["plain.jpg", "secret.jpg", "other.jpg", "other.jpg", "plain.jpg"]

    assert all(s3.read_range(ImageRef("b", name, "", len(BODY), NOON), 0, 9).data == BODY[:9] for name in names)
    # Each of the two changes between plain and encrypted objects costs one more request.
    assert len(stub.seen) == len(names) + 2


def test_read_range__object_with_another_customer_key__raises_encrypted_object() -> None:
    s3 = connect_stub(encrypted("secret.jpg"), S3_SSE_C_KEY=base64.b64encode(bytes(32)).decode())

    with pytest.raises(EncryptedObject, match="set S3_SSE_C_KEY"):
        s3.read_range(ImageRef("b", "secret.jpg", "", len(BODY), NOON), 0, 9)


@pytest.mark.parametrize("key", ["secret", base64.b64encode(bytes(31)).decode(), "ä" * 44])
def test_sse_c_key__invalid_key__is_rejected_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError, match="S3_SSE_C_KEY should be: 32 bytes in Base64") as caught:
        client(S3_SSE_C_KEY=key)

    assert key not in str(caught.value)
