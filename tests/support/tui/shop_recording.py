"""Records the stack that the tests of the screens browse; from the root of the clone:
``python -m tests.support.tui.shop_recording``.

The real engine deploys a little shop again and again, as an incident would: releases, a hotfix from a dirty tree, a
bad upgrade, a failed update. What the backend then holds, and the git repository as a bundle, is kept beside this
file; the tests copy it. Run it again only when the recording has to change: snapshots show its times and commits.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from pulumi_rewind.system.toolchain import find_engine
from tests.support.stack import EngineStack

RECORDINGS = Path(__file__).parent / "recordings"
PASSPHRASE = "open sesame"

PROGRAM = """
import json
import pulumi
from bridged_sdk import Bucket, Database, Server

config = pulumi.Config()

class Network(pulumi.ComponentResource):
    def __init__(self, name, zones):
        super().__init__("shop:net:Network", name)
        for zone in zones:
            Server(f"{{name}}-{{zone}}", {{"image": "router:7", "zone": zone, "network": {{"mtu": 9000}}}},
                   pulumi.ResourceOptions(parent=self))
        self.register_outputs({{}})

network = Network("net", {zones!r})
assets = Bucket("assets", {{"name": "shop-assets", "tags": {tags!r}, "policy": json.dumps({policy!r})}})
db = Database("orders-db", {{"engine": {engine!r}, "size": {size!r}, "password": config.require_secret("dbPassword")}},
              pulumi.ResourceOptions(protect={protect!r}))
api = Server("api", {{"image": {api!r}, "dependsId": db.id, "tags": {{"tier": "front"}},
                     "userData": {user_data!r}}})
Server("worker", {{"image": {worker!r}, "dependsId": db.id}})
{more}
pulumi.export("endpoint", api.endpoint)
pulumi.export("release", {release!r})
"""

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Principal": "*"}]}
OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"}]}

FIRST = {
    "zones": ["a"],
    "tags": {"team": "shop"},
    "policy": POLICY,
    "engine": "pg15",
    "size": "s",
    "protect": False,
    "api": "shop/api:1.0.0",
    "worker": "shop/worker:1.0.0",
    "user_data": "#!/bin/sh\nexec serve --port 80\n",
    "more": "",
    "release": "1.0",
}

STRANGE = {
    "team": "shop",
    "escape": "\x1b[31mred\x1b[0m\x07",
    "markup": "[bold red]not bold[/] [/nothing]",
    "wide": "東京リージョンの資産 🚀 👩‍👩‍👧",
    "right-to-left": "\u202eshalom שלום עולם",
    "long": "0123456789" * 40,
}


def record(stack: EngineStack) -> None:
    """Deploys the whole story."""
    values: dict[str, object] = dict(FIRST)

    def deploy(message: str, **changes: object) -> None:
        values.update(changes)
        stack.write_program(PROGRAM.format(**values))
        stack.git_commit(message)
        stack.up()

    def tag(name: str) -> None:
        stack.git("tag", "--annotate", name, "--message", name)

    stack.write_file(".gitignore", "__pycache__/\n")
    stack.config_set("dbPassword", "hunter2-at-first", secret=True)
    deploy("Open the shop")
    tag("v1.0")
    deploy("Api 1.1.0, two zones", api="shop/api:1.1.0", zones=["a", "b"], release="1.1")
    deploy("Tag the assets", tags=STRANGE)
    stack.refresh()
    deploy("Api and worker 1.2.0", api="shop/api:1.2.0", worker="shop/worker:1.2.0", release="1.2")
    tag("v1.2")
    # The hotfix: straight from a dirty tree, with git's title of the commit before it.
    values.update(user_data="#!/bin/sh\nulimit -n 65536\nexec serve --port 80 --workers 8\n")
    stack.write_program(PROGRAM.format(**values))
    stack.up()
    stack.config_set("dbPassword", "correct-horse", secret=True)
    deploy(
        "Postgres 16 and the job runner",
        engine="pg16",
        size="m",
        protect=True,
        zones=["b"],
        policy=OPEN,
        api="shop/api:1.3.0",
        release="1.3",
        more='Server("jobs", {"image": "shop/jobs:0.1.0", "dependsId": db.id})\nServer("レポート", {"image": "r:1"})',
    )
    stack.trouble({"name": "jobs", "operation": "update", "action": "fail"})
    values.update(worker="shop/worker:1.3.1", more=str(values["more"]).replace("0.1.0", "0.1.1"))
    stack.write_program(PROGRAM.format(**values))
    stack.git_commit("Jobs 0.1.1")
    stack.up(expect_failure=True)


def keep(stack: EngineStack, target: Path) -> None:
    """Copies what the tests need: the backend, and the project as a bundle of its repository."""
    shutil.rmtree(target, ignore_errors=True)
    unwanted = shutil.ignore_patterns("*.attrs", "*.bak", "backups", "locks", "*.pulumi-tags")
    shutil.copytree(stack.backend / ".pulumi", target / "backend" / "pulumi", ignore=unwanted)
    for path in (target / "backend").rglob("*.json"):
        path.write_text(json.dumps(without_machine(json.loads(path.read_text())), indent=4))
    stack.git("bundle", "create", "--quiet", str(target / "repository.bundle"), "--all")


def without_machine(value: Any) -> Any:
    """The same JSON without paths of the machine it was recorded on."""
    if isinstance(value, list):
        return [without_machine(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_machine(item) for key, item in value.items() if key != "stackTrace"}
    if ".." in str(kept.get("sourcePosition", "")):
        del kept["sourcePosition"]
    if "runtime.executable" in kept:
        kept["runtime.executable"] = "python"
    return kept


def main() -> None:
    """Records anew."""
    engine = find_engine()
    with tempfile.TemporaryDirectory() as directory:
        stack = EngineStack(Path(directory) / "s", engine.path, project="shop", stack="prod", passphrase=PASSPHRASE)
        record(stack)
        keep(stack, RECORDINGS / "shop")
    sys.stdout.write(f"recorded into {RECORDINGS}\n")


if __name__ == "__main__":
    main()
