"""A shop on AWS: network, data, compute. What a release changes is chosen by VERSION."""
import json, pathlib
import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions

V = int(pathlib.Path("VERSION").read_text())
cfg = pulumi.Config()
E = cfg.require("endpoint")
db_password = cfg.require_secret("dbPassword")
SERVICES = "acm autoscaling cloudwatch cloudwatchevents cloudwatchlogs dynamodb ec2 ecr ecs elb iam kinesis kms lambda_ r53 rds s3 sns sqs ssm sts".split()
main = aws.Provider("main", region="eu-west-1", access_key="test", secret_key=cfg.require_secret("awsSecret"), skip_credentials_validation=True,
                    skip_requesting_account_id=False, skip_metadata_api_check=True, s3_force_path_style=True, skip_region_validation=True,
                    endpoints=[aws.ProviderEndpointArgs(**{n: E for n in SERVICES})])
P = ResourceOptions(provider=main)
TAGS = {"app": "shop", "release": f"v{V}"}


class Network(pulumi.ComponentResource):
    def __init__(self, name, second_octet, opts=None):
        super().__init__("shop:aws:Network", name, None, opts)
        me = ResourceOptions(parent=self, provider=main)
        self.vpc = aws.Vpc(name, cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags={**TAGS, "Name": name}, opts=me)
        self.igw = aws.InternetGateway(f"{name}-gateway", vpc_id=self.vpc.id, tags=TAGS, opts=me)
        self.table = aws.RouteTable(f"{name}-public", vpc_id=self.vpc.id, tags=TAGS, opts=me)
        self.route = aws.Route(f"{name}-default", route_table_id=self.table.id, destination_cidr_block="0.0.0.0/0", gateway_id=self.igw.id, opts=me)
        self.subnets = []
        for n, zone in enumerate("ab"):
            subnet = aws.Subnet(f"{name}-{zone}", vpc_id=self.vpc.id, availability_zone=f"eu-west-1{zone}", cidr_block=f"10.0.{second_octet + n}.0/24", tags={"Name": f"{name}-{zone}"}, opts=me)
            aws.RouteTableAssociation(f"{name}-{zone}-routes", subnet_id=subnet.id, route_table_id=self.table.id, opts=me)
            self.subnets.append(subnet)
        self.register_outputs({"vpc": self.vpc.id})


net = Network("shop", 1 if V < 3 else 11, opts=ResourceOptions(provider=main))
web_sg = aws.SecurityGroup("web", vpc_id=net.vpc.id, name="web", description="web", ingresses=[{"from_port": p, "to_port": p, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]} for p in ([80] if V < 2 else [80, 443])], opts=P)
db_sg = aws.SecurityGroup("db-access", vpc_id=net.vpc.id, name="db" if V < 3 else "database", description="db", ingresses=[{"from_port": 5432, "to_port": 5432, "protocol": "tcp", "security_groups": [web_sg.id]}], opts=P)

uploads = aws.S3Bucket("uploads", bucket="shop-uploads", acl="private", versioning={"enabled": V >= 2}, tags=TAGS, opts=P)
site = aws.S3Bucket("site", bucket_prefix="shop-site-", tags=TAGS, opts=P)
index = aws.S3BucketObject("index", bucket=site.id, key="index.html", content=f"<h1>Shop {V}</h1>", content_type="text/html", opts=P)
config = aws.S3BucketObject("config", bucket=site.id, key="config.json", content=Output.json_dumps({"uploads": uploads.arn, "release": V}), opts=P)
orders = aws.DynamodbTable("orders", name="orders" if V < 3 else "orders3", billing_mode="PROVISIONED", read_capacity=5, write_capacity=5 if V < 2 else 10, hash_key="id" if V < 3 else "order_id",
                           attributes=[{"name": "id" if V < 3 else "order_id", "type": "S"}], tags=TAGS, opts=ResourceOptions(provider=main, delete_before_replace=True))
dlq = aws.SqsQueue("dead", name="orders-dead", opts=P)
queue = aws.SqsQueue("events", name="orders" if V < 3 else "orders-v3", visibility_timeout_seconds=30 if V < 2 else 60, redrive_policy=Output.json_dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 5}), opts=P)
topic = aws.SnsTopic("news", name="events", opts=P)
sub = aws.SnsTopicSubscription("news-to-events", topic_arn=topic.arn, protocol="sqs", endpoint=queue.arn, opts=P)
key = aws.KmsKey("data", description="shop data", deletion_window_in_days=7, opts=P)
alias = aws.KmsAlias("data-alias", name="alias/shop-data", target_key_id=key.key_id, opts=P)
group = aws.DbSubnetGroup("db-subnets", name="shop-db" if V < 3 else "shop-db-3", subnet_ids=[s.id for s in net.subnets], opts=P)
db = aws.DbInstance("db", identifier="shop-db" if V < 3 else "shop-db-3", allocated_storage=20 if V < 2 else 40, engine="postgres", engine_version="15.3", instance_class="db.t3.micro", name="shop", username="shop",
                    password=db_password, skip_final_snapshot=True, db_subnet_group_name=group.name, vpc_security_group_ids=[db_sg.id], tags=TAGS, opts=P)
url = aws.SsmParameter("url", name="/shop/db-url", type="SecureString", value=Output.secret(Output.concat("postgres://shop:", db_password, "@", db.address, ":5432/shop")), opts=P)

role = aws.IamRole("api", name="shop-api" if V < 3 else "shop-api-3", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}), opts=P)
policy = aws.IamRolePolicy("api-policy", role=role.id, name="api", policy=Output.json_dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:*"], "Resource": [uploads.arn, Output.concat(uploads.arn, "/*")]}, {"Effect": "Allow", "Action": ["sqs:*"], "Resource": [queue.arn]}, {"Effect": "Allow", "Action": ["dynamodb:*"], "Resource": [orders.arn]}]}), opts=P)
profile = aws.IamInstanceProfile("api-profile", name="shop-api", role=role.name, opts=P)
for n in range(2):
    aws.Instance(f"api-{n}", ami="ami-12c6146b", instance_type="t3.micro" if V < 2 else "t3.small", subnet_id=net.subnets[n].id, vpc_security_group_ids=[web_sg.id], iam_instance_profile=profile.name, tags={"Name": f"api-{n}"},
                 user_data=Output.concat("#!/bin/sh\nQUEUE=", queue.id, "\nBUCKET=", uploads.id, "\n"), opts=P)
log = aws.CloudwatchLogGroup("api-log", name="/shop/api", retention_in_days=7 if V < 2 else 14, opts=P)
alarm = aws.CloudwatchMetricAlarm("depth", alarm_name="orders-depth", comparison_operator="GreaterThanThreshold", evaluation_periods=1, metric_name="ApproximateNumberOfMessagesVisible", namespace="AWS/SQS", period=60, statistic="Average", threshold=100 * V, dimensions={"QueueName": queue.name}, alarm_actions=[topic.arn], opts=P)
zone = aws.Route53Zone("zone", name="shop.example", opts=P)
record = aws.Route53Record("www", zone_id=zone.zone_id, name="www.shop.example", type="CNAME", ttl=60 if V < 2 else 300, records=["lb.shop.example"], opts=P)
if V >= 2:
    jobs = aws.SqsQueue("jobs", name="jobs", opts=P)
    fnrole = aws.IamRole("thumb-role", name="shop-fn", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}), opts=P)
    fn = aws.LambdaFunction("thumb", function_name="thumb", handler="index.handler", runtime="python3.7", role=fnrole.arn, filename="fn.zip", environment={"variables": {"QUEUE": jobs.id, "BUCKET": uploads.id}}, opts=P)
if V == 4:  # no such addresses in the network: the provider is refused, after everything else was replaced
    aws.Subnet("bad", vpc_id=net.vpc.id, cidr_block="10.99.0.0/24", opts=ResourceOptions(provider=main, depends_on=[queue, db, role, orders, policy]))
pulumi.export("uploads", uploads.id)
pulumi.export("site", site.id)
pulumi.export("queue", queue.id)
pulumi.export("url", url.arn)
