"""A shop on AWS by the real Terraform provider of 2019 and Pulumi's bridge; the services are moto's."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Mapping
from typing import ClassVar

from pulumi_rewind.history.targets import resolve_target
from scripts.real import BRIDGE
from tests.real.aws import Account
from tests.real.real_stack import RealStack
from tests.real.shop import Data, Shop
from tests.support.rewind import session


class AwsShop(Shop):
    """See ``stacks/shopaws``; version 4 replaces table, queue, database and roles, and then asks for a bad subnet."""

    title = "shop on AWS (moto)"
    groups = "aws"
    only = ("db", "db-subnets", "db-access")
    restless: ClassVar[Mapping[str, str]] = {
        "events": "this provider compares the text of a redrive policy, not its meaning"
    }
    lost_by_failure = frozenset({"orders"})
    lanes = 5
    """70 of a rollback's 80 seconds are the provider's: 30 before it first asks for a new database, or for one that it
    deletes, and 10 for an instance."""

    def make(self) -> RealStack:
        """The stack with its versions committed and nothing deployed."""
        world, url = self.world, self.world.aws()
        self.account = Account(url)
        self._fills = 0
        stack = RealStack(world.folder / "stack", world.engine, "shopaws", world.built, {"terraform-provider": BRIDGE})
        stack.config_set("endpoint", url)
        stack.hide("dbPassword", "s3cret-Pa55-of-the-database")
        stack.hide("awsSecret", "s3cret-k3y-of-the-account")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as code:  # the times in it are always the same
            code.writestr(zipfile.ZipInfo("index.py"), (stack.root / "code" / "index.py").read_text())
        (stack.root / "fn.zip").write_bytes(packed.getvalue())
        stack.make_versions(1, 2, 3, 4)
        return stack

    def reality(self) -> dict[str, str]:
        """Every object as its service tells it."""
        return self.account.objects()

    def in_part(self, name: str) -> bool:
        """The database, who may reach it, and the address that is handed on."""
        return name.startswith(("Database", "SecurityGroup db", "Parameter"))

    def use(self) -> None:
        """Rows, objects and messages."""
        self._fills += 1
        self.account.fill(self.stores(), f"{self._fills}")

    def data(self) -> Data:
        """What the stores of the live state hold."""
        return self.account.data(self.stores())

    def stores(self) -> dict[str, tuple[str, str]]:
        """Type and id of each resource, by its name."""
        found = self.stack.resources(show_secrets=False).values()
        return {res["urn"].split("::")[-1]: (res["type"], res["id"]) for res in found if res.get("id")}

    def lose(self) -> list[str]:
        """Things of many kinds, with what depends on them; no table and no function: the bridge can import neither."""
        before = self.stores()
        for name in ("news", "data", "zone", "api-log", "url"):
            if name in self.stores():  # not gone with another one
                self.stack.pulumi(
                    "state", "delete", self._urn(name), "--target-dependents", "--yes", "-s", self.stack.name
                )
        return sorted(before.keys() - self.stores().keys())

    def _urn(self, name: str) -> str:
        resources = self.stack.resources(show_secrets=False).values()
        return next(str(res["urn"]) for res in resources if res["urn"].endswith(f"::{name}"))

    def settle(self) -> None:
        """Adopts what creates have made, as the account tells; deletes by hand what the bridge can't read."""
        deployment = self.stack.export()["deployment"]
        known = {res.get("id", "") for res in deployment["resources"]}
        made: dict[str, tuple[str, str]] = {}
        clear: list[str] = []
        for operation in deployment.get("pending_operations") or []:
            if operation["type"] == "creating":
                one = operation["resource"]
                if found := self.account.made(one["type"], one["inputs"], known):
                    made[one["urn"]] = one["type"], found
                else:
                    clear.append(one["urn"])
        while True:
            adopted = (f"{urn}={found}" for urn, (_, found) in made.items())
            words = [word for text in adopted for word in ("--adopt", text)]
            ran = self.stack.rewind("resolve", *words, *(word for urn in clear for word in ("--clear", urn)))
            if ran.code == 0:
                return
            assert "delete the object with other tools, then --clear it" in ran.err, ran
            refused = next(urn for urn in made if ran.err.startswith(f"error: {urn.split('::')[-1]} can't be adopted"))
            self.account.remove(*made.pop(refused))
            clear.append(refused)

    def discard(self, names: Collection[str], version: int) -> None:
        """What has the inputs of that version, and is not in the state."""
        known = {one for _, one in self.stores().values()}
        timeline = session(self.stack).timeline
        target = timeline.checkpoint(resolve_target(timeline, f"v{version}").update.number)
        for res in target.by_urn.values():
            if res.name in names and (made := self.account.made(res.type, res.decoded_inputs(), known)):
                self.account.remove(res.type, made)

    def drift(self) -> None:
        """As a console would: settings changed, an alarm, a function and an object deleted."""
        of, stores = self.account.client, self.stores()
        of("sqs").set_queue_attributes(QueueUrl=stores["jobs"][1], Attributes={"VisibilityTimeout": "7"})
        of("cloudwatch").delete_alarms(AlarmNames=["orders-depth"])
        of("lambda").delete_function(FunctionName="thumb")
        of("s3").delete_object(Bucket=stores["site"][1], Key="index.html")
        of("ssm").put_parameter(Name="/shop/db-url", Value="postgres://elsewhere", Type="SecureString", Overwrite=True)
        group = stores["web"][1]
        of("ec2").authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
        )
        may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        of("iam").put_role_policy(RoleName="shop-api-3", PolicyName="api", PolicyDocument=json.dumps(may))
        zone = stores["zone"][1]
        record = {"Name": "www.shop.example", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "elsewhere"}]}
        change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        of("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
