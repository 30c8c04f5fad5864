"""Ready-made callbacks for AWS, against moto: snapshots, backups and copies that outlive what they were made of.

moto finishes everything at once and looks at no moment in time; what these tests see is what is asked of AWS, in which
order, and that data is really there again where moto has data (DynamoDB and S3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import CallbackError
from tests.servers.aws import moto
from tests.support.hooked import Hooked, side

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "hunter2-and-more",
    "AWS_DEFAULT_REGION": "us-east-1",
}
HEAD = "import pulumi_rewind as rewind\nfrom pulumi_rewind.hooks.library import *\n"

Make = Callable[[str], Hooked]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an AWS for all tests."""
    with moto(tmp_path_factory.mktemp("moto"), tmp_path_factory.mktemp("store")) as url:
        yield url


@pytest.fixture
def aws(server: str) -> Callable[[str], Any]:
    """Makes clients."""
    boto3 = pytest.importorskip("boto3")
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hunter2-and-more"}
    return lambda service: boto3.client(service, endpoint_url=server, region_name="us-east-1", **keys)


@pytest.fixture
def hooked(server: str, tmp_path: Path) -> Iterator[Make]:
    """Loads a hooks file with one callback for everything; each has a process of its own."""
    made: list[Hooked] = []

    def make(what: str) -> Hooked:
        folder = tmp_path / str(len(made))
        made.append(
            Hooked(folder, f"{HEAD}rewind.undo(urn='*', timeout=60)({what})\n", {**KEYS, "AWS_ENDPOINT_URL": server})
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def instance(rds: Any, name: str, **more: Any) -> dict[str, Any]:
    """An RDS instance and the resource that it is; its id is another one than its name, as in the newer providers."""
    rds.create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20, **more
    )
    type_ = "aws:rds/instance:Instance"
    return side(type_, "orders", f"db-{name}", {"instanceClass": "db.t3.micro"}, identifier=name)


def test_an_instance_comes_from_the_snapshot_that_was_made_before(aws: Any, hooked: Make) -> None:
    rds = aws("rds")
    first = instance(rds, "orders-1")
    callback = hooked("RdsSnapshot()")
    with pytest.raises(CallbackError, match=r"undo_delete \(rewind_hooks.py:3\): there is no snapshot of db-.*, which"):
        callback.call("undo_delete", old=side(first["type"], "orders", "db-NOWHERE"), dry_run=True)
    assert callback.call("undo_create", new=first, dry_run=True)["note"] == "makes a snapshot first: 20 GB, available"
    assert rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] == []

    note = callback.call("undo_create", new=first)["note"]
    [snapshot] = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith("rewind-orders-1-2")
    assert note.startswith(f"kept snapshot {snapshot['DBSnapshotIdentifier']} (20 GB, ")
    rds.delete_db_instance(DBInstanceIdentifier="orders-1", SkipFinalSnapshot=True)
    with pytest.raises(CallbackError, match="DBInstanceNotFound"):
        callback.call("undo_create", new=first, dry_run=True)

    told = callback.call("undo_delete", old=first)
    assert told["inputs"] == {"snapshotIdentifier": snapshot["DBSnapshotIdentifier"]}
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="orders-2", DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"]
    )
    made = side(first["type"], "orders", "db-XYZ", identifier="orders-2")
    assert callback.go_on("undo_delete", made)
    assert callback.said[-1].endswith("it has 20 GB and is available")


def test_a_replacement_comes_from_the_live_instance_or_from_that_of_the_target(aws: Any, hooked: Make) -> None:
    rds = aws("rds")
    old = instance(rds, "shop-1")
    rds.delete_db_instance(DBInstanceIdentifier="shop-1", FinalDBSnapshotIdentifier="shop-final")
    new = instance(rds, "shop-2")
    callback = hooked("RdsSnapshot()")
    assert callback.call("undo_update", old=old, new=new) == {}
    told = callback.call("undo_update", old=old, new=new, replaces=True, idempotency_key="a" * 32)
    live = told["inputs"]["snapshotIdentifier"]
    assert live.startswith("rewind-shop-2-")
    # In another process, after the engine has made it: the same snapshot, and none of what is there now.
    made = side(new["type"], "orders", "db-XYZ", {}, identifier="shop-3")
    again = hooked("RdsSnapshot()").call("undo_update", old=old, new=made, again=True, idempotency_key="a" * 32)
    assert again["inputs"] == told["inputs"]
    # The engine had deleted the live one and then failed: what was made for the target's object serves for that.
    assert callback.call("undo_delete", old=old)["inputs"] == told["inputs"]

    other = hooked("RdsSnapshot(replaced_by='target')")
    told = other.call("undo_update", old=old, new=new, replaces=True, idempotency_key="a" * 32)
    assert told["inputs"] == {"snapshotIdentifier": "shop-final"}


def test_a_volume_comes_from_the_snapshot_that_was_made_before(aws: Any, hooked: Make) -> None:
    ec2 = aws("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)["VolumeId"]
    disk = side("aws:ebs/volume:Volume", "disk", volume, arn=f"arn:aws:ec2:us-east-1:123456789012:volume/{volume}")
    callback = hooked("EbsSnapshot()")
    assert callback.call("undo_create", new=disk, dry_run=True)["note"] == "makes a snapshot first: 8 GB, available"
    callback.call("undo_create", new=disk)
    ec2.delete_volume(VolumeId=volume)
    snapshot = callback.call("undo_delete", old=disk)["inputs"]["snapshotId"]
    [found] = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert found["VolumeId"] == volume
    assert {"pulumi-rewind", "pulumi-rewind-urn", "pulumi-rewind-for"} == {tag["Key"] for tag in found["Tags"]}
    second = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)["VolumeId"]
    made = side(disk["type"], "disk", second)
    assert callback.go_on("undo_delete", made)
    assert f"disk: {second} comes from snapshot {snapshot} (8 GB, " in callback.said[-1]
    # Replaced, and continued by another process, to which the live volume is the new one.
    call = {"old": disk, "idempotency_key": "c" * 32}
    told = callback.call("undo_update", new=made, replaces=True, **call)
    third = side(disk["type"], "disk", "vol-3")
    assert hooked("EbsSnapshot()").call("undo_update", new=third, again=True, **call)["inputs"] == told["inputs"]
    assert callback.call("undo_update", new=third, old=disk, again=True) == {}


def table(dynamodb: Any, name: str, items: Mapping[str, str], key: str = "id") -> dict[str, Any]:
    """A table with some items and the resource that it is."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for id_, value in items.items():
        dynamodb.put_item(TableName=name, Item={"id": {"S": id_}, "value": {"S": value}})
    return side("aws:dynamodb/table:Table", "orders", name, {"name": name})


def items_of(dynamodb: Any, name: str) -> dict[str, str]:
    """All items of a table."""
    return {item["id"]["S"]: item["value"]["S"] for item in dynamodb.scan(TableName=name)["Items"]}


ITEMS = {f"{number}": f"customer {number}" for number in range(60)}


def test_a_table_comes_back_with_its_items(aws: Any, hooked: Make) -> None:
    dynamodb = aws("dynamodb")
    orders = table(dynamodb, "orders", ITEMS)
    callback = hooked("DynamoDbTable()")
    with pytest.raises(CallbackError, match="there is no backup of the table orders"):
        callback.call("undo_delete", old=orders, dry_run=True)
    assert callback.call("undo_create", new=orders)["note"].startswith("kept rewind-")
    with pytest.raises(CallbackError, match="there is a table orders already"):
        callback.call("undo_delete", old=orders)
    dynamodb.delete_table(TableName="orders")
    assert callback.call("undo_delete", old=orders, dry_run=True)["id"].startswith("orders from backup rewind-")
    assert callback.call("undo_delete", old=orders) == {"result": "restored", "id": "orders"}
    assert callback.said[-1] == "orders: 60 items back in orders"
    assert items_of(dynamodb, "orders") == ITEMS
    assert callback.call("undo_delete", old=orders, again=True) == {"result": "restored", "id": "orders"}


def test_a_table_that_is_replaced_gets_the_items_of_the_live_one(aws: Any, hooked: Make) -> None:
    dynamodb = aws("dynamodb")
    old, new = side("aws:dynamodb/table:Table", "orders", "shop-1"), table(dynamodb, "shop-2", ITEMS)
    callback = hooked("DynamoDbTable()")
    assert callback.call("undo_update", old=old, new=new) == {}
    call = {"old": old, "new": new, "idempotency_key": "b" * 32}
    told = callback.call("undo_update", replaces=True, **call)
    assert told["note"].startswith("then loads rewind-bbbbbbbbbbbb-replaced-2")
    dynamodb.delete_table(TableName="shop-2")
    made = table(dynamodb, "shop-1", {"0": "somebody was faster"})
    # The first process was killed; others continue, to whom the live table is the new one.
    for number in range(2):
        second = hooked(f"DynamoDbTable(rewinds={bool(number)})")
        second.call("undo_update", old=old, new=made, again=True, idempotency_key="b" * 32)
        assert second.go_on("undo_update", made)
        assert second.said[-1] == "orders: 60 items back in shop-1, 0 others removed"
        assert items_of(dynamodb, "shop-1") == ITEMS
        assert f"rewind-{'b' * 24}" not in dynamodb.list_tables()["TableNames"]

    other = table(dynamodb, "shop-3", ITEMS)
    keyed = {**old, "inputs": {"hashKey": "number"}}
    for dry_run in (True, False):
        with pytest.raises(
            CallbackError, match="60 items of shop-3 lack number, which is in the key of the table to come"
        ):
            callback.call("undo_update", old=keyed, new=other, replaces=True, dry_run=dry_run)


def test_a_table_gets_the_items_that_it_had_before_the_update(aws: Any, hooked: Make) -> None:
    dynamodb = aws("dynamodb")
    live = table(dynamodb, "ledger", ITEMS)
    callback = hooked("DynamoDbTable(rewinds=True)")
    update = {"number": 2, "start": 2_000_000_000}
    with pytest.raises(CallbackError, match="ledger has no point-in-time recovery"):
        callback.call("undo_update", old=live, new=live, update=update, dry_run=True)
    dynamodb.update_continuous_backups(
        TableName="ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    with pytest.raises(CallbackError, match=r"ledger can be restored as it was at .* at the earliest"):
        callback.call("undo_update", old=live, new=live, update={"number": 2, "start": 1_000_000_000}, dry_run=True)
    with pytest.raises(CallbackError, match="it isn't known when the update began"):
        callback.call("undo_update", old=live, new=live)
    told = callback.call("undo_update", old=live, new=live, update=update)
    assert told["note"] == "then loads the items of before the update"
    # moto takes the moment of the call for any moment: what the restore finds is what has to be there afterwards.
    dynamodb.put_item(TableName="ledger", Item={"id": {"S": "7"}, "value": {"S": "changed"}})
    assert callback.go_on("undo_update", live)
    assert any(line.startswith("ledger as it was at 2033-05-18 03:33:19 UTC is restored in") for line in callback.said)
    assert callback.said[-1] == "orders: 60 items back in ledger, 0 others removed"
    assert items_of(dynamodb, "ledger") == {**ITEMS, "7": "changed"}


def test_a_bucket_and_an_object_come_back_with_all_their_versions(aws: Any, hooked: Make) -> None:
    s3 = aws("s3")
    for name in ("kept", "uploads", "uploads-2"):
        s3.create_bucket(Bucket=name)
        if name != "kept":
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key, body in (("a/1", b"one"), ("a/1", b"two and more"), ("a/12", b"other"), ("gone", b"gone"), ("ü", b"")):
        s3.put_object(Bucket="uploads", Key=key, Body=body, Metadata={"by": "ada"})
    s3.delete_object(Bucket="uploads", Key="gone")
    s3.put_object(Bucket="uploads", Key="large", Body=bytes(9_000_000), Metadata={"by": "ada"})
    bucket = side("aws:s3/bucketV2:BucketV2", "uploads", "uploads", bucket="uploads")
    one = side("aws:s3/bucketObjectv2:BucketObjectv2", "one", "a/1", bucket="uploads", key="a/1")
    callback = hooked("S3Versions(keep='kept')")
    with pytest.raises(CallbackError, match="kept has no copy of uploads, which was uploads"):
        callback.call("undo_delete", old=bucket, dry_run=True)
    note = callback.call("undo_create", new=bucket, dry_run=True)["note"]
    assert note == "copies it first: 5 versions, 9.0 MB, to kept"
    assert "Contents" not in s3.list_objects_v2(Bucket="kept")
    callback.call("undo_create", new=bucket)
    callback.call("undo_create", new=one)

    callback.call("undo_delete", old=bucket)
    made = {**bucket, "id": "uploads-2", "outputs": {"bucket": "uploads-2"}}
    assert callback.go_on("undo_delete", made)
    assert callback.said[-1] == "uploads: 5 versions, 9.0 MB, back in uploads-2"
    small = {key: bodies for key, bodies in contents(s3, "uploads-2").items() if key != "large"}
    assert small == {"a/1": [b"one", b"two and more"], "a/12": [b"other"], "ü": [b""]}
    for key in ("a/1", "large"):
        assert s3.head_object(Bucket="uploads-2", Key=key)["Metadata"] == {"by": "ada"}

    callback.call("undo_delete", old=one)
    assert callback.go_on("undo_delete", {**one, "id": "b", "outputs": {"bucket": "uploads-2", "key": "b"}})
    assert contents(s3, "uploads-2")["b"] == [b"one", b"two and more"]
    only = hooked("S3Versions(keep='kept', current=True)")
    assert only.call("undo_create", new=one)["note"].startswith("kept 1 version, 12 bytes, of a/1 at ")


def contents(s3: Any, bucket: str) -> dict[str, list[bytes]]:
    """What is in a bucket by key, the oldest version first."""
    found: dict[str, list[bytes]] = {}
    for one in reversed(s3.list_object_versions(Bucket=bucket)["Versions"]):
        got = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        found.setdefault(one["Key"], []).append(got["Body"].read())
    return found


def test_without_boto3_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code = f"import sys\nsys.modules['boto3'] = None\n{HEAD}rewind.undo(urn='*')(RdsSnapshot())\n"
    callback = Hooked(tmp_path / "hooks", code)
    try:
        with pytest.raises(
            CallbackError, match=r"does not have the package boto3\. Run `pip install boto3` in the pro"
        ):
            callback.call("undo_create", new=side("aws:rds/instance:Instance", "orders", "orders"), dry_run=True)
    finally:
        callback.close()
