"""Makes a demo: project, repository, and every release deployed by the real engine."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pulumi_rewind.demo import content
from pulumi_rewind.demo.folder import Demo, enclosing_demo, find_demo
from pulumi_rewind.demo.machine import Machine
from pulumi_rewind.demo.site import Release, Site
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import EngineError, RewindError, UsageError
from pulumi_rewind.state.model import urn_name
from pulumi_rewind.system.git import GitCommand, GitFailed
from pulumi_rewind.system.toolchain import find_engine

if TYPE_CHECKING:
    from pulumi_rewind.engine.cli import Engine, EngineRun

IDENTITY: Final = ("Ada Demo", "ada@example.invalid")


@dataclass(frozen=True)
class Begun:
    """Something begins."""

    what: str


@dataclass(frozen=True)
class Done:
    """It is done."""

    what: str
    detail: str = ""
    changes: Mapping[str, int] | None = None
    """Of a deployment, as the engine counts them."""
    seconds: float = 0.0
    failed: bool = False
    """A deployment that failed, as it was meant to."""


Progress = Begun | Done | EngineEvent


def build_demo(
    folder: Path, environ: Mapping[str, str] = os.environ, site_in: Callable[[Path], Site] = Machine.fresh
) -> Generator[Progress, None, None]:
    """Makes a demo in `folder`; an earlier complete one there is replaced. `folder.find_demo` then finds it.

    `site_in` says where its resources will be, for the folder's absolute path.

    Raises:
        UsageError: the folder is not empty and not a demo's, or a demo in it was not finished.
        EngineError: there is no engine, it can't run the programs, or a deployment ended as it should not.
        RewindError: there is no git, the site lacks something, or the folder can't be written.
    """
    root = folder.resolve()
    older = _check_folder(root, folder)
    _check_git(environ)
    engine = find_engine(environ)
    site_in(root).check(engine.path, environ)
    if older is not None:
        yield Begun("removing the existing demo")
        older.clean(environ)
        yield Done("removed the existing demo")
    try:
        root.mkdir(parents=True, exist_ok=True)
        demo = Demo(root, site_in(root))  # chosen now: an older one has given back its ports
        demo.write_marker()
        yield Begun("preparing")
        if begun := demo.site.begin(environ):
            yield Done(*begun)
        _write_project(demo, engine.path)
    except OSError as err:
        raise RewindError(f"{root} can't be written: {err}", hint="Name another folder: `demo DIR`.") from None
    maker = _Maker(demo, engine.path, engine.version, environ)
    yield Begun("creating the project")
    maker.make_project()
    yield Done("created project, repository and stack", f"pulumi {engine.version}")
    for release in demo.site.releases:
        yield Begun(f"deploying {release.tag}: {release.title}")
        yield from maker.deploy(release)
    demo.completed()


# -- what is needed -------------------------------------------------------------------------------------------------


def _check_folder(root: Path, folder: Path) -> Demo | None:
    """The complete demo that is there, None where there is nothing."""
    demo = find_demo(root)
    if demo is not None:
        if Path.cwd().is_relative_to(root):
            raise UsageError(
                f"{root} is your current directory, and the demo would be removed", hint="Leave it first: `cd ..`."
            )
        if not demo.complete:
            raise UsageError(
                f"the demo in {folder} was not finished",
                hint=f"Remove it first: `pulumi-rewind demo --clean {folder}`.",
            )
        return demo
    outer = enclosing_demo(root)
    if outer is not None:
        raise UsageError(f"{folder} is inside the demo in {outer.root}", hint="Name a folder outside of it.")
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            what = "is not empty, and not a demo" if root.is_dir() else "is not a folder"
            raise UsageError(
                f"{folder} {what}; nothing was touched", hint="Name a new or empty folder: `pulumi-rewind demo DIR`."
            )
    except OSError as err:
        raise RewindError(f"{folder} can't be read: {err}", hint="Name another folder: `demo DIR`.") from None
    return None


def _check_git(environ: Mapping[str, str]) -> None:
    if shutil.which("git", path=environ.get("PATH", os.defpath)) is None:
        raise RewindError("there is no git on PATH", hint="Install git: the demo is a git repository with tags.")


# -- what is made ---------------------------------------------------------------------------------------------------


def _write_project(demo: Demo, engine_file: Path) -> None:
    """Every file of the project that all releases share, and those that stay out of its repository."""
    for name, text in demo.site.files(demo.backend_url).items():
        path = demo.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (demo.root / ".gitignore").write_text(content.ignored(demo.site.ignored()), encoding="utf-8")
    for directory in (demo.state, demo.home):
        directory.mkdir(mode=0o700)
    demo.passphrase_file.touch(mode=0o600)
    demo.passphrase_file.write_text(secrets.token_urlsafe(18) + "\n", encoding="utf-8")
    script = content.environment_script(
        demo.variables(),
        ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_BACKEND_URL", "PULUMI_STACK", "PULUMI_ACCESS_TOKEN"],
        [*demo.site.programs(), str(engine_file.parent)],
    )
    demo.environment_file.write_text(script, encoding="utf-8")


class _Maker:
    def __init__(self, demo: Demo, engine_file: Path, version: str, environ: Mapping[str, str]) -> None:
        self.demo = demo
        self.environ = demo.environ(environ)
        self.engine = self._engine(engine_file, version)

    def _engine(self, path: Path, version: str) -> Engine:
        from pulumi_rewind.engine.cli import Engine
        from pulumi_rewind.project.workspace import find_workspace

        return Engine(path, version, find_workspace(self.demo.root, environ=self.environ))

    @property
    def stack(self) -> str:
        return f"organization/{content.PROJECT}/{content.STACK}"

    def git(self, *arguments: str) -> None:
        """Runs git with nothing of the operator's configuration."""
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        try:
            GitCommand(self.demo.root, self.environ | own).write(*arguments)
        except GitFailed as err:
            raise RewindError(
                f"git {arguments[0]} failed: {err}", hint="Check that git works in other folders."
            ) from None

    def make_project(self) -> None:
        """The repository and the stack with its secret."""
        self.git("init", "--quiet")
        self.git("symbolic-ref", "HEAD", "refs/heads/main")
        name, mail = IDENTITY
        for key, value in {
            "user.name": name,
            "user.email": mail,
            "commit.gpgsign": "false",
            "tag.gpgsign": "false",
        }.items():
            self.git("config", key, value)
        self.demo.site.equip(self.engine)
        self.engine.call(["stack", "init", content.STACK])
        self._set_secret("dbPassword", secrets.token_urlsafe(12))

    def _set_secret(self, key: str, value: str) -> None:
        """Through standard input: a command line can be seen by everyone on the machine."""
        from pulumi_rewind.engine.cli import failure

        done = subprocess.run(
            [str(self.engine.path), "config", "set", "--secret", key, "-s", self.stack, "--non-interactive"],
            cwd=self.demo.root,
            env=self.engine.environment(),
            input=value.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise failure("pulumi config set failed", done.stderr.decode(errors="replace"))

    def deploy(self, release: Release) -> Iterator[Progress]:
        """Commits, tags and deploys one release."""
        from pulumi_rewind.system.private_directory import private_directory

        (self.demo.root / self.demo.site.program).write_text(release.program, encoding="utf-8")
        # Python tells a stale cache by size and whole second: two releases may share both
        shutil.rmtree(self.demo.root / "__pycache__", ignore_errors=True)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", release.title)
        self.git("tag", "--annotate", release.tag, "--message", f"Release {release.tag}")
        started = time.monotonic()
        with private_directory() as private:
            run = self.engine.start(["up", "--yes", "--skip-preview", "-s", self.stack], private=private)
            try:
                yield from run.events()
            finally:
                if run.returncode is None:  # nobody listens any more: stop gently, never leave it running unseen
                    run.interrupt()
                    try:
                        run.process.wait()
                    except KeyboardInterrupt:
                        run.kill()
                        raise
        failed = run.returncode != 0
        if failed != release.fails:
            error = run.error(f"deploying {release.tag} failed")
            if failed:
                raise error
            raise EngineError(f"deploying {release.tag} should have failed, but succeeded", hint="Please report it.")
        if failed:
            self._record(run)
        reason = _reason(run.error("").args[0]) if failed else ""
        yield Done(
            f"{release.tag}  {release.title}",
            reason,
            changes=run.summary.changes if run.summary else {},
            seconds=time.monotonic() - started,
            failed=failed,
        )

    def _record(self, run: EngineRun) -> None:
        """Keeps why a release failed in the demo's repository, as `pulumi-rewind up` does."""
        from pulumi_rewind.records.evidence import ERRORS
        from pulumi_rewind.rollback.recording import record_update
        from pulumi_rewind.session import open_session

        session = open_session(self.demo.root, stack=content.STACK, environ=self.environ)
        told = {f"{urn_name(event.urn)}: {_reason(event.message)}": None for event in run.errors if event.urn}
        record_update(session, len(session.timeline), {ERRORS: msgspec.json.encode(tuple(told))})


def _reason(text: str) -> str:
    """The last line of a provider's traceback, or of its list of errors."""
    lines = [line.strip() for line in text.splitlines() if "Error: " in line]
    return lines[-1] if lines else text.strip().splitlines()[-1].strip().removeprefix("* ")
