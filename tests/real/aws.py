"""What an AWS account holds, as it is compared: objects without ids and times, and the data that stores have."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import boto3

ACCESS = {"region_name": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
TABLE, QUEUE, BUCKET = (
    "aws:index/dynamodbTable:DynamodbTable",
    "aws:index/sqsQueue:SqsQueue",
    "aws:index/s3Bucket:S3Bucket",
)
DATABASE, KEY = "aws:index/dbInstance:DbInstance", "aws:index/kmsKey:KmsKey"
Raw = dict[str, Any]

_DELETES = {
    "DynamodbTable": ("dynamodb", "delete_table", "TableName"),
    "LambdaFunction": ("lambda", "delete_function", "FunctionName"),
    "Instance": ("ec2", "terminate_instances", "InstanceIds"),
    "DbInstance": ("rds", "delete_db_instance", "DBInstanceIdentifier"),
    "DbSubnetGroup": ("rds", "delete_db_subnet_group", "DBSubnetGroupName"),
    "SqsQueue": ("sqs", "delete_queue", "QueueUrl"),
    "SnsTopicSubscription": ("sns", "unsubscribe", "SubscriptionArn"),
    "SecurityGroup": ("ec2", "delete_security_group", "GroupId"),
    "Subnet": ("ec2", "delete_subnet", "SubnetId"),
    "IamRole": ("iam", "delete_role", "RoleName"),
}
"""By type: the service, the call that deletes an object by hand, and the argument that takes its id."""


class Account:
    """The objects of the shop ``stacks/shopaws`` as the services themselves tell them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = boto3.Session()  # of its own: the shared one isn't for several threads

    @cache  # noqa: B019 - an account lives as long as its test
    def client(self, service: str) -> Any:
        """A service's own interface."""
        return self._session.client(service, endpoint_url=self._url, **ACCESS)

    def objects(self) -> dict[str, str]:
        """Every object by its kind and name, as its content with names in place of ids."""
        found: Raw = {}
        for part in (
            self._network,
            self._compute,
            self._stores,
            self._messages,
            self._databases,
            self._access,
            self._rest,
        ):
            found |= dict(part())
        names = self._names()
        plain = {}
        for name, content in found.items():
            text = json.dumps(content, sort_keys=True, default=str)
            for word, instead in names.items():
                text = text.replace(word, instead)
            plain[name] = text
        return plain

    def _names(self) -> dict[str, str]:
        """What stands for the ids of this moment, longest first."""
        ec2 = self.client("ec2")
        found: dict[str, str] = {}
        for kind, answer in {"Vpc": ec2.describe_vpcs(), "Subnet": ec2.describe_subnets()}.items():
            found |= {one[f"{kind}Id"]: f"<{kind} {_tag(one)}>" for one in answer[f"{kind}s"]}
        found |= {one["InternetGatewayId"]: "<gateway>" for one in ec2.describe_internet_gateways()["InternetGateways"]}
        found |= {
            one["GroupId"]: f"<group {one['Description']}>" for one in ec2.describe_security_groups()["SecurityGroups"]
        }
        found |= {one["KeyId"]: "<key>" for one in self.client("kms").list_keys()["Keys"]}
        found |= {one["Name"]: "<site>" for one in self.client("s3").list_buckets()["Buckets"] if _is_site(one["Name"])}
        return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))

    def _network(self) -> Iterator[tuple[str, Raw]]:
        ec2 = self.client("ec2")
        for vpc in ec2.describe_vpcs()["Vpcs"]:
            if not vpc["IsDefault"]:
                yield f"Vpc {_tag(vpc)}", {"cidr": vpc["CidrBlock"], "tags": _tags(vpc)}
        for subnet in ec2.describe_subnets()["Subnets"]:
            if not subnet["DefaultForAz"]:
                yield f"Subnet {_tag(subnet)}", {key: subnet[key] for key in ("CidrBlock", "AvailabilityZone", "VpcId")}
        for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
            yield f"Gateway of {gateway['Attachments'][0]['VpcId']}", {"tags": _tags(gateway)}
        for table in ec2.describe_route_tables()["RouteTables"]:
            if table.get("Tags"):
                routes = [[one.get("DestinationCidrBlock"), one.get("GatewayId")] for one in table["Routes"]]
                subnets = sorted(str(self._subnet(one.get("SubnetId"))) for one in table["Associations"])
                yield "RouteTable", {"routes": sorted(routes), "subnets": subnets, "tags": _tags(table)}
        for group in ec2.describe_security_groups()["SecurityGroups"]:
            if group["GroupName"] != "default":
                rules = [_rule(one) for one in group["IpPermissions"]]
                yield (
                    f"SecurityGroup {group['Description']}",
                    {"name": group["GroupName"], "in": sorted(rules, key=str)},
                )

    def _subnet(self, subnet: str | None) -> str | None:
        found = self.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"] if subnet else []
        return _tag(found[0]) if found else subnet

    def _compute(self) -> Iterator[tuple[str, Raw]]:
        ec2 = self.client("ec2")
        for reservation in ec2.describe_instances()["Reservations"]:
            for one in reservation["Instances"]:
                if one["State"]["Name"] == "terminated":
                    continue
                asked = ec2.describe_instance_attribute(InstanceId=one["InstanceId"], Attribute="userData")
                data = base64.b64decode(asked["UserData"].get("Value", "")).decode()
                groups = [group["GroupName"] for group in one["SecurityGroups"]]
                profile = one.get("IamInstanceProfile", {}).get("Arn")
                kept = {key: one[key] for key in ("InstanceType", "ImageId", "SubnetId")}
                yield f"Instance {_tag(one)}", {**kept, "groups": groups, "data": data, "profile": profile}
        for one in self.client("lambda").list_functions()["Functions"]:
            keys = ("Handler", "Runtime", "Role", "CodeSha256", "Environment")
            yield f"Function {one['FunctionName']}", {key: one.get(key) for key in keys}

    def _stores(self) -> Iterator[tuple[str, Raw]]:
        tables, s3 = self.client("dynamodb"), self.client("s3")
        for name in tables.list_tables()["TableNames"]:
            one = tables.describe_table(TableName=name)["Table"]
            speed = one["ProvisionedThroughput"]
            tags = tables.list_tags_of_resource(ResourceArn=one["TableArn"])["Tags"]
            units = [speed["ReadCapacityUnits"], speed["WriteCapacityUnits"]]
            yield f"Table {name}", {"key": one["KeySchema"], "units": units, "tags": _tags({"Tags": tags})}
        for bucket in s3.list_buckets()["Buckets"]:
            name = bucket["Name"]
            label = "site" if _is_site(name) else name
            versions = s3.get_bucket_versioning(Bucket=name).get("Status")
            tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
            yield f"Bucket {label}", {"versions": versions == "Enabled", "tags": _tags({"Tags": tags})}
            for key in ("index.html", "config.json"):
                if key in self.keys(name):
                    got = s3.get_object(Bucket=name, Key=key)
                    yield f"Object {label}/{key}", {"text": got["Body"].read().decode(), "type": got["ContentType"]}

    def keys(self, bucket: str) -> list[str]:
        """The keys of a bucket's objects."""
        return [one["Key"] for one in self.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]

    def _messages(self) -> Iterator[tuple[str, Raw]]:
        sqs, sns = self.client("sqs"), self.client("sns")
        for url in sqs.list_queues().get("QueueUrls", []):
            about = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            again = json.loads(about.get("RedrivePolicy", "{}"))
            yield f"Queue {url.split('/')[-1]}", {"seconds": about["VisibilityTimeout"], "again": again}
        for topic in sns.list_topics()["Topics"]:
            yield f"Topic {topic['TopicArn'].split(':')[-1]}", {}
        for one in sns.list_subscriptions()["Subscriptions"]:
            yield f"Subscription of {one['TopicArn'].split(':')[-1]}", {"to": one["Endpoint"], "by": one["Protocol"]}

    def _databases(self) -> Iterator[tuple[str, Raw]]:
        rds = self.client("rds")
        for one in rds.describe_db_instances()["DBInstances"]:
            kept = {
                key: one[key] for key in ("AllocatedStorage", "Engine", "EngineVersion", "DBName", "MasterUsername")
            }
            groups = [group["VpcSecurityGroupId"] for group in one["VpcSecurityGroups"]]
            kept |= {
                "groups": groups,
                "subnets": one["DBSubnetGroup"]["DBSubnetGroupName"],
                "tags": _tags(one, "TagList"),
            }
            yield f"Database {one['DBInstanceIdentifier']}", kept
        for one in rds.describe_db_subnet_groups()["DBSubnetGroups"]:
            subnets = sorted(str(self._subnet(subnet["SubnetIdentifier"])) for subnet in one["Subnets"])
            yield f"DatabaseSubnets {one['DBSubnetGroupName']}", {"subnets": subnets}

    def _access(self) -> Iterator[tuple[str, Raw]]:
        iam, kms = self.client("iam"), self.client("kms")
        for role in iam.list_roles()["Roles"]:
            name = role["RoleName"]
            policies = {
                policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
            }
            yield f"Role {name}", {"trusts": role["AssumeRolePolicyDocument"], "may": policies}
        for profile in iam.list_instance_profiles()["InstanceProfiles"]:
            yield (
                f"Profile {profile['InstanceProfileName']}",
                {"roles": [role["RoleName"] for role in profile["Roles"]]},
            )
        for key in kms.list_keys()["Keys"]:
            about = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            if about["KeyState"] != "PendingDeletion" and about["KeyManager"] == "CUSTOMER":
                yield f"Key {about['Description']}", {"state": about["KeyState"]}
        for alias in kms.list_aliases()["Aliases"]:
            if not alias["AliasName"].startswith("alias/aws/"):
                yield f"Alias {alias['AliasName']}", {"of": alias["TargetKeyId"]}

    def _rest(self) -> Iterator[tuple[str, Raw]]:
        ssm, watch, dns = self.client("ssm"), self.client("cloudwatch"), self.client("route53")
        for one in ssm.get_parameters(Names=["/shop/db-url"], WithDecryption=True)["Parameters"]:
            yield f"Parameter {one['Name']}", {"value": one["Value"], "type": one["Type"]}
        for one in watch.describe_alarms()["MetricAlarms"]:
            keys = ("Threshold", "Dimensions", "AlarmActions", "ComparisonOperator", "MetricName")
            yield f"Alarm {one['AlarmName']}", {key: one[key] for key in keys}
        for one in self.client("logs").describe_log_groups()["logGroups"]:
            yield f"Log {one['logGroupName']}", {"days": one.get("retentionInDays")}
        for zone in dns.list_hosted_zones()["HostedZones"]:
            yield f"Zone {zone['Name']}", {}
            for one in dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
                if one["Type"] not in {"NS", "SOA"}:
                    values = [value["Value"] for value in one["ResourceRecords"]]
                    yield f"Record {one['Name']}", {"type": one["Type"], "ttl": one["TTL"], "values": values}

    # -- data ---------------------------------------------------------------------------------------------------------

    def fill(self, stores: Mapping[str, tuple[str, str]], word: str) -> None:
        """Puts data into stores (name → type and id), as those do that use the shop."""
        for type_, object_id in stores.values():
            if type_ == TABLE:
                about = self.client("dynamodb").describe_table(TableName=object_id)["Table"]
                key = about["KeySchema"][0]["AttributeName"]
                for n in range(3):
                    row = {key: {"S": f"order-{n}-{word}"}}
                    self.client("dynamodb").put_item(TableName=object_id, Item=row)
            elif type_ == BUCKET:
                self.client("s3").put_object(Bucket=object_id, Key=f"photo-{word}.jpg", Body=word.encode())
            elif type_ == QUEUE:
                self.client("sqs").send_message(QueueUrl=object_id, MessageBody=word)

    def data(self, stores: Mapping[str, tuple[str, str]]) -> dict[str, frozenset[str]]:
        """What these stores hold, thing by thing; a database is known by when it was made, a key by its id."""
        readers: dict[str, Callable[[str], Iterable[object]]] = {
            TABLE: lambda table: self.client("dynamodb").scan(TableName=table)["Items"],
            BUCKET: self.keys,
            QUEUE: self._waiting,
            DATABASE: lambda name: [self._instance(name)],
            KEY: lambda key: [self.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyId"]],
        }
        return {
            name: frozenset(str(one) for one in readers[type_](object_id))
            for name, (type_, object_id) in stores.items()
            if type_ in readers
        }

    def _instance(self, name: str) -> str:
        found = self.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return f"made {found[0]['InstanceCreateTime']}"

    def _waiting(self, url: str) -> list[str]:
        """When a queue was made and how many messages wait in it: to read them would count as an attempt."""
        keys = ["CreatedTimestamp", "ApproximateNumberOfMessages"]
        made, number = (
            self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=keys)["Attributes"][key]
            for key in keys
        )
        return [f"made {made}", *(f"message {n + 1}" for n in range(int(number)))]

    def messages(self, url: str) -> list[str]:
        """The messages of a queue, in any order, taken out of it."""
        found: list[str] = []
        while got := self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [one["Body"] for one in got]
        return sorted(found)

    # -- what a create has made ---------------------------------------------------------------------------------------

    def made(self, type_: str, wanted: Mapping[str, Any], known: Collection[str]) -> str | None:
        """The id of an object with such inputs that isn't among the `known` ones; None where there is none.

        An operator looks for it by its name in a console.
        """
        kind = type_.rpartition(":")[2]
        found = [object_id for object_id in self._ids(kind, wanted) if object_id not in known]
        return found[0] if found else None

    def remove(self, type_: str, made: str) -> None:
        """Deletes an object, as an operator does by hand who can't hand it over to the engine."""
        kind = type_.rpartition(":")[2]
        assert kind in _DELETES, f"who deletes a {kind}?"
        service, method, name = _DELETES[kind]
        more = {"SkipFinalSnapshot": True} if kind == "DbInstance" else {}
        getattr(self.client(service), method)(**{name: [made] if name.endswith("s") else made}, **more)

    def _ids(self, kind: str, wanted: Mapping[str, Any]) -> list[str]:
        ec2, iam, rds = self.client("ec2"), self.client("iam"), self.client("rds")
        name = wanted.get("name") or wanted.get("identifier") or wanted.get("functionName")
        match kind:
            case "DynamodbTable":
                return [one for one in self.client("dynamodb").list_tables()["TableNames"] if one == name]
            case "SqsQueue":
                urls = self.client("sqs").list_queues().get("QueueUrls", [])
                return [url for url in urls if url.split("/")[-1] == name]
            case "IamRole":
                return [one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"] == name]
            case "DbInstance":
                found = [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]
                return [one for one in found if one == wanted["identifier"]]
            case "DbSubnetGroup":
                found = [one["DBSubnetGroupName"] for one in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
                return [one for one in found if one == name]
            case "LambdaFunction":
                found = [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]]
                return [one for one in found if one == name]
            case "SecurityGroup":
                groups = ec2.describe_security_groups()["SecurityGroups"]
                return [one["GroupId"] for one in groups if one["GroupName"] == name]
            case "Subnet":
                subnets = ec2.describe_subnets()["Subnets"]
                return [one["SubnetId"] for one in subnets if one["CidrBlock"] == wanted["cidrBlock"]]
            case "Instance":
                machines = [one for more in ec2.describe_instances()["Reservations"] for one in more["Instances"]]
                alive = [one for one in machines if one["State"]["Name"] != "terminated"]
                return [one["InstanceId"] for one in alive if _tags(one) == wanted["tags"]]
            case "SnsTopicSubscription":
                found = self.client("sns").list_subscriptions()["Subscriptions"]
                return [one["SubscriptionArn"] for one in found if one["Endpoint"] == wanted["endpoint"]]
        return []


def _tags(one: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in one.get(key, [])}


def _tag(one: Mapping[str, Any]) -> str:
    return _tags(one).get("Name", "")


def _rule(rule: Mapping[str, Any]) -> list[Any]:
    sources = [one["CidrIp"] for one in rule["IpRanges"]] + [one["GroupId"] for one in rule["UserIdGroupPairs"]]
    return [rule.get("FromPort"), rule.get("ToPort"), sorted(sources)]


def _is_site(bucket: str) -> bool:
    return bucket.startswith("shop-site-")
