"""Whole commands as an operator starts them, against what they are measured by; every ratio is of one run.

``python -m tests.bench.bench_commands [RESOURCES …]``; 1,000 and 10,000 unless told. In the checkpoints every third
resource holds a secret under a passphrase, and 1% differs. Goals: design 6.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pulumi_rewind.state.values import is_secret, walk
from tests.bench.bench_diff import HELD, State, change_state, make_state, timed
from tests.bench.goals import goal
from tests.support.filestore import FileStore
from tests.support.sealing import Sealer

PASSPHRASE = "open sesame"
OWN = (sys.executable, "-m", "pulumi_rewind_tui.cli")


def sealed_states(count: int, share: float = 0.01) -> tuple[State, State]:
    """Two states with secrets as a backend stores them; what didn't change has the same ciphertext."""
    sealer = Sealer(PASSPHRASE)
    state = make_state(count)
    for number, res in enumerate(state["deployment"]["resources"][2:]):
        if number % 3 == 0:
            res["inputs"]["token"] = sealer.secret(f"token-{number}")
    seal(state, sealer)
    later = change_state(state, share)
    before = {res["urn"]: res.get("modified") for res in state["deployment"]["resources"]}
    for res in later["deployment"]["resources"]:
        if "token" in res.get("inputs", {}) and before.get(res["urn"], "new") != res["modified"]:
            res["inputs"]["token"] = sealer.secret("rotated")
    return state, later


def seal(state: State, sealer: Sealer) -> None:
    """Encrypts all secrets of a state."""
    for value in walk(state):
        if is_secret(value) and "plaintext" in value:
            value["ciphertext"] = sealer.text(value.pop("plaintext").encode())
    state["deployment"]["secrets_providers"] = sealer.provider


def lay_out(folder: Path, states: tuple[State, State]) -> dict[str, str]:
    """A project and a backend with the two states as #1 and #2; the environment to work with them."""
    store = FileStore(folder / "backend", stack="prod")
    for state in states:
        number = store.add(None)
        document: dict[str, Any] = {"stack": store.ref.fqn, "latest": state["deployment"]}
        raw = json.dumps({"version": 3, "checkpoint": document}, indent=4).encode()
        store.write("checkpoint", raw, number=number)
        store.write_live(raw)
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    return {**os.environ, "PULUMI_BACKEND_URL": store.url, "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}


def bench(count: int, folder: Path) -> None:
    """Measures one size and prints what came out."""
    environ = lay_out(folder, sealed_states(count))
    files = sorted((folder / "backend").rglob("*.checkpoint.json"))
    load = f"import json; [json.load(open(path)) for path in {[str(path) for path in files]!r}]"

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)

    ours, theirs, empty = timed(
        lambda: run(*OWN, "diff", "-s", "prod", "1", "2"),
        lambda: run(sys.executable, "-c", load),
        lambda: run(sys.executable, "-c", ""),
    )
    theirs -= empty
    size = sum(path.stat().st_size for path in files) / 2**20
    print(f"\n{count:,} resources, 1% changed, {size:.0f} MB, secrets under a passphrase")
    print(f"  diff, the command          {ours:8.3f} s")
    what = f"diff, {count:,} resources, 1% changed / json.load of both"
    verdict = goal(what, ours / theirs, 1.5) if count >= HELD else ""
    print(f"  json.load of both files    {theirs:8.3f} s   the command is {ours / theirs:.2f} × of it {verdict}")


def main() -> None:
    """Measures the sizes given."""
    for count in [int(text) for text in sys.argv[1:]] or [1_000, 10_000]:
        with tempfile.TemporaryDirectory() as folder:
            bench(count, Path(folder))


if __name__ == "__main__":
    main()
