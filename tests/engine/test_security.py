"""Canary secrets are planted and everything that was written is searched for them; what is ours alone stays so."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import grpc
import pytest
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from pulumi_rewind.assets.find import AssetFinder
from pulumi_rewind.errors import RewindError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.replay.host import ReplayHost
from pulumi_rewind.state.model import Checkpoint, Deployment, StackRef
from pulumi_rewind.state.values import ASSET, SIG
from pulumi_rewind.system.private_directory import private_directory
from tests.support.served import PROVIDERS
from tests.support.stack import EngineStack
from tests.support.terminal import run_in_terminal

CANARIES = {
    "config": "canary-config-5Q8xk2Zp",
    "input": "canary-input-Vt71mLw0",
    "output": "canary-output-Hc93sRy4",
    "provider": "canary-provider-Jd62nBq7",
    "dynamic": "canary-dynamic-Wk05fXz9",
    "changed": "canary-changed-Mp48gTu3",
}

PROGRAM = """
import pulumi, bridged_sdk as bridged
from file_resource import FileResource
secret = pulumi.Output.secret
word = pulumi.Config().require_secret("word")
prov = bridged.Provider("prov", {{"account": "main", "token": secret("{provider}")}})
db = bridged.Database("db", {{"engine": "pg", "password": secret("{password}")}}, pulumi.ResourceOptions(provider=prov))
bridged.Server("web", {{"image": "{image}", "userData": word, "tags": {{"list": [secret("{input}")]}},
    "zone": db.connectionString.apply(lambda _: "north")}}, pulumi.ResourceOptions(provider=prov))
FileResource("file", path="{path}", content=secret("{dynamic}"), note="{image}")
pulumi.export("login", db.connectionString)
pulumi.export("{image}", secret("{output}"))
"""


EMPTY = Checkpoint(b"", Deployment())


class Processes:
    """Collects the command lines of every process of this machine while it runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(0.05):
            for pid in (entry for entry in os.listdir("/proc") if entry.isdigit()):  # noqa: PTH208 - hundreds, often
                try:
                    self.seen.add(Path("/proc", pid, "cmdline").read_bytes())
                except OSError:
                    continue


def program(stack: EngineStack, image: str, password: str) -> str:
    path = stack.objects / "file.txt"
    return PROGRAM.format(**CANARIES | {"image": image, "password": password, "path": path})


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it could lie somewhere: plain, base64 at each of the three offsets, hex, reversed."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        yield encoded[(0, 2, 3)[offset] : len(encoded) - 4]  # without what the neighbours decide


def test_the_search_finds_a_secret_in_every_form() -> None:
    for name, secret in CANARIES.items():
        raw = secret.encode()
        for around in (b"", b"x", b"xy", b"xyz"):
            assert leaks(around + raw + b"--") == [name]
            assert leaks(base64.b64encode(around + raw + b"tail")) == [name]
        assert leaks(b"id " + raw.hex().encode()) == [name]
    assert leaks(b"canary-config-") == []


def leaks(content: bytes) -> list[str]:
    return [name for name, wanted in FORMS.items() if any(form in content for form in wanted)]


FORMS = {name: tuple(forms(secret)) for name, secret in CANARIES.items()}


def watch_files(directories: list[Path], stop: threading.Event, found: dict[str, list[str]]) -> None:
    """Reads every file below the directories again and again, so that what is removed later is seen as well."""
    read: dict[str, tuple[int, int]] = {}
    while True:
        last = stop.is_set()
        for directory in directories:
            for folder, _, names in os.walk(directory):
                for name in names:
                    path = Path(folder, name)
                    try:
                        info = path.lstat()
                        key = (info.st_mtime_ns, info.st_size)
                        if not stat.S_ISREG(info.st_mode) or read.get(str(path)) == key:
                            continue
                        leaked = leaks(path.read_bytes())
                    except OSError:
                        continue
                    read[str(path)] = key
                    if leaked:
                        found[str(path)] = leaked
        if last:
            return
        time.sleep(0.05)


def test_no_secret_is_written_printed_or_passed_on_a_command_line(stack: EngineStack, tmp_path: Path) -> None:
    stack.use_plugin_processes()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    stack.extra_environ |= {"TMPDIR": str(temporary)}
    # With an empty entry it is another PYTHONPATH: programs and providers are processes of their own, not copies.
    stack.extra_environ["PYTHONPATH"] = f"{PROVIDERS}{os.pathsep}"
    stack.extra_environ |= {f"XDG_{name}_HOME": str(tmp_path / f"xdg-{name}") for name in ("STATE", "CACHE", "CONFIG")}
    stack.config_set("word", CANARIES["config"], secret=True)
    stack.up(program(stack, "one", CANARIES["input"]))
    stack.up(program(stack, "two", CANARIES["changed"]))
    (stack.root / "__main__.py").unlink()  # the program is the test's own and has them all
    shutil.rmtree(stack.root / "__pycache__", ignore_errors=True)
    for written in stack.objects.glob("*/*.json"):
        assert leaks(written.read_bytes()), "the canaries must have arrived"
    found: dict[str, list[str]] = {}
    stop = threading.Event()
    places = [stack.root, stack.backend, stack.home, temporary, Path(stack.environ["HOME"])]
    places += [tmp_path / f"xdg-{name}" for name in ("STATE", "CACHE", "CONFIG")]
    watcher = threading.Thread(target=watch_files, args=(places, stop, found), daemon=True)
    commands = (
        ["history"], ["history", "--json"], ["show", "1"], ["show", "1", "--json"], ["diff"], ["diff", "--json"],
        ["diff", "1", "2", "--stat"], ["blame", "db"], ["doctor", "--replay"], ["doctor", "--replay", "--json"],
        ["plan", "1"], ["plan", "1", "--json"], ["rollback", "1", "--yes", "--allow-data-loss", "--json"],
        ["rollback", "2", "--yes", "--allow-data-loss"], ["resume", "--yes"],
    )  # fmt: skip
    printed = b""
    with Processes() as processes:
        watcher.start()
        for command in commands:
            done = subprocess.run(
                [sys.executable, "-m", "pulumi_rewind_tui.cli", *command],
                cwd=stack.root, env=stack.environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert leaks(done.stdout + done.stderr) == [], command
            printed += done.stdout
        # An error in the middle, as a provider words it.
        stack.trouble({"name": "web", "operation": "update", "action": "fail", "message": "refused"})
        failed = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "rollback", "1", "-y", "--allow-data-loss"])
        assert failed.returncode in {1, 4}, failed.stdout
        assert leaks((failed.stdout + failed.stderr).encode()) == []
        stop.set()
        watcher.join()
    assert found == {}
    assert any(b"--client" in line for line in processes.seen), "the engine's own command line was seen"
    assert [line for line in processes.seen if leaks(line)] == []
    assert b"[secret]" in printed
    shown = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "diff", "1", "2", "--secrets"])
    assert CANARIES["changed"] in shown.stdout, "only --secrets shows them"
    assert list(temporary.glob("rewind-*")) == [], "nothing private is left behind"


# -- the host's socket ------------------------------------------------------------------------------------------------


def test_the_socket_is_ours_alone_and_serves_one_stack(tmp_path: Path) -> None:
    goal = build_goal(EMPTY, EMPTY, project="shop", stack="dev")
    with private_directory() as private, ReplayHost(goal, private, tmp_path) as host:
        path = private / "host.sock"
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert host.address == f"unix://{path}"
        with grpc.insecure_channel(host.address) as channel:
            stub = language_pb2_grpc.LanguageRuntimeStub(channel)
            for project, name in (("shop", "prod"), ("other", "dev"), ("", "")):
                # Nothing listens at the monitor's address: a run that is refused never goes there.
                request = language_pb2.RunRequest(project=project, stack=name, monitor_address="127.0.0.1:9")
                assert "not for another stack" in stub.Run(request, timeout=20).error
            assert host.reports == []
    assert not path.exists()


def test_a_socket_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    goal = build_goal(EMPTY, EMPTY, project="shop", stack="dev")
    with pytest.raises(FileNotFoundError), ReplayHost(goal, tmp_path / "gone", tmp_path):
        pass
    (tmp_path / "host.sock").mkdir()
    host = ReplayHost(goal, tmp_path, tmp_path)
    with pytest.raises(RewindError, match="can't create a socket at"):
        host.__enter__()


def test_another_user_can_not_reach_the_socket(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.fail("this test changes the user, which needs root; the test above holds the modes")
    goal = build_goal(EMPTY, EMPTY, project="shop", stack="dev")
    connect = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    with private_directory() as private, ReplayHost(goal, private, tmp_path):
        command = ["/usr/bin/env", "python3", "-c", connect, str(private / "host.sock")]
        assert subprocess.run(command, capture_output=True, cwd="/").returncode == 0
        done = subprocess.run(command, capture_output=True, cwd="/", user=65534, group=65534, extra_groups=[])
        assert done.returncode != 0
        assert b"PermissionError" in done.stderr


# -- files ------------------------------------------------------------------------------------------------------------


def test_the_journal_is_private_also_under_a_loose_umask(tmp_path: Path) -> None:
    journal = Journal("file:///b", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path / "state")})
    before = os.umask(0)
    try:
        journal.begin(target=1, label="#1", digest="d", start=2)
    finally:
        os.umask(before)
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in journal.path.parent.iterdir()) == [f"{journal.key}.json", f"{journal.key}.lock"]


TRAVERSAL = (
    "../../etc/passwd", "..", "a/../b", "/etc/passwd", "organization/../shop/dev", "shop/..", "dev\0", "a\\..\\b",
)  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSAL)
def test_a_stack_name_can_not_leave_the_backend(stack: EngineStack, name: str) -> None:
    from tests.support.rewind import session

    opened = session(stack)
    outside = stack.backend / ".pulumi" / "secret.json"
    outside.write_text('{"version": 3, "checkpoint": {"stack": "x", "latest": {}}}')
    with pytest.raises(RewindError):
        opened.backend.find(name, "shop")


@pytest.mark.parametrize("path", ["/etc/hostname", "../outside.txt", "sub/../../outside.txt"])
@pytest.mark.parametrize("digest", ["", "ab" * 32, "../../../../etc/hostname"])
def test_a_path_in_a_state_sends_no_file_that_was_not_deployed(tmp_path: Path, path: str, digest: str) -> None:
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("a key of the operator")
    finder = AssetFinder(project, "", None, None, tmp_path / "private")
    found = finder.resolve({SIG: ASSET, "path": path} | ({"hash": digest} if digest else {}))
    assert [problem.blocking for problem in found.problems] == [True]


# -- nothing in a state acts ------------------------------------------------------------------------------------------

EVIL = "[red]x[/red]\\x1b[31m\\x1b]0;owned\\x07[link=file:///etc]y\\u202e"
HOSTILE = """
import pulumi, bridged_sdk as bridged
evil = "{evil}"
bridged.Server("w" + evil, {{"image": "i" + evil + "{image}", "tags": {{evil: [evil, "{image}"]}}}})
pulumi.export("out" + evil, evil + "{image}")
"""


def test_names_values_and_messages_are_text_and_nothing_else(stack: EngineStack) -> None:
    stack.up(HOSTILE.format(evil=EVIL, image="1"), "-m", "first [bold]m[/bold]\x1b]0;owned\x07")
    stack.up(HOSTILE.format(evil=EVIL, image="2"), "-m", "second [/]")
    stack.trouble({"name": "*", "operation": "diff", "action": "slow", "seconds": 0})
    cli = [sys.executable, "-m", "pulumi_rewind_tui.cli"]
    for command in (["history"], ["show", "1"], ["diff"], ["blame", "*w*"], ["plan", "1"], ["rollback", "1", "-y"]):
        plain = subprocess.run(
            [*cli, *command], cwd=stack.root, env=stack.environ, stdin=subprocess.DEVNULL, capture_output=True
        )
        text = plain.stdout + plain.stderr
        assert b"\x1b" not in text, command
        assert "\u202e".encode() not in text, command
        assert b"Traceback" not in text, command
        if command[0] in {"diff", "plan"}:
            assert b"[red]x[/red]" in text, "shown as it is"
            assert plain.returncode == 0, text
        terminal = run_in_terminal([*cli, *command], stack.root, stack.environ | {"TERM": "xterm-256color"}, {},
                                   colors=True)  # fmt: skip
        assert "owned\x07" not in terminal.out, command
        assert "\x1b]0" not in terminal.out, command
        assert "\u202e" not in terminal.out, command
    stack.trouble({"name": "*", "operation": "update", "action": "fail", "message": "no [red]\x1b]0;owned\x07"})
    failed = stack.run([*cli, "rollback", "2", "-y"])
    assert failed.returncode in {1, 4}
    assert "no [red]" in failed.stdout + failed.stderr
    assert "\x1b" not in failed.stdout + failed.stderr
