"""Secrets that a provider quotes in its errors reach neither the terminal nor what is kept."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from pulumi_rewind.records.withheld import SENTENCE
from tests.support.rewind import session
from tests.support.stack import EngineStack

KNOWN, NEW = "known-hunter2-secret!", "newer-jaeger7-secret!"

PROGRAM = """
import base64, os, pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

def check(p):
    if p.get("reject") or os.path.exists({marker!r}):
        raise Exception("illegal data: " + base64.b64encode(p["key"].encode()).decode() + " for " + p["key"])

class Provider(ResourceProvider):
    def create(self, p):
        check(p)
        return CreateResult("id-1", p)
    def update(self, i, o, n):
        check(n)
        return UpdateResult(n)
    def diff(self, i, o, n):
        return DiffResult(changes=any(o.get(k) != n.get(k) for k in ("size", "key")))

class Thing(Resource):
    def __init__(self, name, key, **more):
        super().__init__(Provider(), name, {{"key": pulumi.Output.secret(key), **more}}, more.pop("opts", None))

held = Thing("held", {known!r}, size={size!r})
{rest}
"""


def traces(secret: str) -> tuple[str, ...]:
    return secret, base64.b64encode(secret.encode()).decode()


def kept(stack: EngineStack) -> bytes:
    """Everything that was written down, besides the state: evidence, logs, and all records."""
    files = [path.read_bytes() for path in (stack.directory / "state").rglob("*") if path.is_file()]
    refs = stack.git("for-each-ref", "--format=%(refname)", "refs/pulumi-rewind").split()
    found = [stack.git("show", f"{ref}:evidence/{name}") for ref in refs for name in ("events.jsonl", "errors.json")
             if name in stack.git("ls-tree", "-r", "--name-only", ref)]  # fmt: skip
    return b"\n".join([*files, *(text.encode() for text in found)])


@pytest.mark.slow
def test_what_a_provider_quotes_is_masked_or_not_kept(stack: EngineStack) -> None:
    """As https://github.com/pulumi/pulumi-kubernetes/issues/2163: the provider says what was in the Secret."""
    marker = stack.directory / "refuse"
    stack.extra_environ["XDG_STATE_HOME"] = str(stack.directory / "state")

    def write(size: str, rest: str = "") -> None:
        stack.write_program(PROGRAM.format(marker=str(marker), known=KNOWN, size=size, rest=rest))
        stack.git_commit(size)

    def rewind(*args: str) -> tuple[int, str]:
        done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *args])
        return done.returncode, done.stdout + done.stderr

    write("s")
    stack.up()
    write("l", f'Thing("new", {KNOWN!r} + "", reject=True)')
    code, told = rewind("up", "--yes", "--rollback-on-failure")
    assert code == 5, told
    assert "illegal data: [secret] for [secret]" in told
    for trace in traces(KNOWN):
        assert trace not in told
        assert trace.encode() not in kept(stack)

    write("l", f'Thing("other", {NEW!r}, reject=True)')
    code, told = rewind("up", "--yes", "--rollback-on-failure")
    assert code == 5, told
    assert "illegal data: [secret] for [secret]" in told  # the review has told of it
    for trace in traces(NEW):
        assert trace not in told
        assert trace.encode() not in kept(stack)
        assert trace not in rewind("show", "-1")[1]
    assert SENTENCE.encode() in kept(stack)

    write("xl")
    stack.up()
    marker.touch()
    code, told = rewind("rollback", "1", "--yes")
    assert code in {1, 3, 4}, told
    assert "illegal data" in told
    for trace in traces(KNOWN):
        assert trace not in told
    assert session(stack).journal.read() is None or code == 4
    assert isinstance(marker, Path)
