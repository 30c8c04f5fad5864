"""Checks everything a rollback needs, one after the other, and says what to do about what is missing.

Each check stands alone: one that can't be made because something is missing says so and the others continue.
Nothing is changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.engine.environment import DEBUG_VARIABLES, debug_variables
from pulumi_rewind.errors import BackendError, RewindError, SecretsError
from pulumi_rewind.project.places import settings_files
from pulumi_rewind.project.settings import load_settings
from pulumi_rewind.project.workspace import Workspace, find_workspace
from pulumi_rewind.records.parts import NOT_HERE
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.integrity import REPAIR_HINT, damage
from pulumi_rewind.state.model import Checkpoint, urn_name
from pulumi_rewind.state.packages import package_of
from pulumi_rewind.system.toolchain import EngineInfo, find_engine, language_host, plugin_is_here
from pulumi_rewind.upkeep import backend_checks
from pulumi_rewind.upkeep.findings import Finding

RECENT = 60
"""How many of the newest updates are looked at for missing checkpoints."""


Check = Callable[[], Iterator[Finding]]


def diagnose(
    cwd: Path,
    stack: str | None = None,
    backend: str | None = None,
    environ: Mapping[str, str] = os.environ,
    passphrases: tuple[str, ...] = (),
) -> Iterator[Finding]:
    """Yields the findings as they are made; never raises for what it finds missing."""
    yield from _Doctor(cwd, stack, backend, environ, passphrases).findings()


@dataclass
class _Doctor:
    _cwd: Path
    _stack: str | None
    _backend: str | None
    _environ: Mapping[str, str]
    _passphrases: tuple[str, ...]
    # Each is set by the check that finds it; checks that need one are left out where it isn't.
    _workspace: Workspace = field(init=False)
    _engine: EngineInfo = field(init=False)
    _opened: Backend = field(init=False)
    _session: Session = field(init=False)
    _live: Checkpoint = field(init=False)

    def findings(self) -> Iterator[Finding]:
        checks: dict[str, tuple[Check, str]] = {
            "project": (self._check_project, ""),
            "settings": (self._check_settings, "workspace"),
            "engine": (self._check_engine, ""),
            "language": (self._check_language, "workspace engine"),
            "backend": (self._check_backend, "workspace"),
            "stack": (self._check_stack, "opened"),
            "state": (self._check_state, "session"),
            "history": (self._check_history, "session"),
            "versions": (self._check_versions, "session"),
            "rights": (self._check_rights, "session live"),
            "git": (self._check_git, ""),
            "records": (self._check_records, "session"),
            "providers": (self._check_providers, "live engine workspace"),
            "passphrase": (self._check_passphrase, "live session"),
            "lock": (self._check_lock, "session"),
            "pending": (self._check_pending, "live"),
            "interrupted": (self._check_interrupted, "session"),
        }
        for name, (check, needs) in checks.items():
            if not all(hasattr(self, f"_{need}") for need in needs.split()):
                continue
            try:
                yield from check()
            except RewindError as err:
                self._clean(err)
                yield Finding(name, "fail", str(err), err.hint)
            except (OSError, ValueError, ImportError) as err:
                self._clean(err)
                yield Finding(name, "fail", f"can't be checked: {err}", "Resolve this, then run it again.")

    def _clean(self, error: Exception) -> None:
        if hasattr(self, "_session"):
            self._session.redactor.error(error)

    def _check_project(self) -> Iterator[Finding]:
        self._workspace = find_workspace(self._cwd, backend=self._backend, environ=self._environ)
        space = self._workspace
        yield Finding("project", "ok", f"{space.project} ({space.runtime or 'no runtime'}) in {space.root}")

    def _check_settings(self) -> Iterator[Finding]:
        root = self._workspace.root
        settings = load_settings(root, self._environ)
        patterns = ", ".join(settings.production) or "none"
        there = ", ".join(map(str, settings_files(root, self._environ))) or "no rewind.toml, defaults"
        yield Finding("settings", "ok", f"{there}; production stacks: {patterns}")

    def _check_engine(self) -> Iterator[Finding]:
        self._engine = find_engine(self._environ)
        yield Finding(
            "engine", "ok", f"pulumi {self._engine.version} at {self._engine.path} (from {self._engine.source})"
        )
        if names := list(debug_variables(self._environ)):
            yield Finding(
                "environment",
                "warn",
                f"not passed on to the engine: {', '.join(names)}",
                f"{names[0]} {DEBUG_VARIABLES[names[0]]}. Use the pulumi CLI itself to look for a fault with it.",
            )

    def _check_language(self) -> Iterator[Finding]:
        runtime = self._workspace.runtime
        if not runtime:
            return
        found = language_host(self._engine.path, runtime, self._environ)
        if found is not None:
            yield Finding("language", "ok", f"{runtime}: {found}")
        else:
            yield Finding(
                "language",
                "warn",
                f"no pulumi-language-{runtime} beside the engine or on PATH",
                "Rolling back doesn't need it; `pulumi up` of this project does.",
            )

    def _check_backend(self) -> Iterator[Finding]:
        from pulumi_rewind.backends import open_backend

        space = self._workspace
        backend: Backend | None = None
        try:
            backend = open_backend(space.backend_url, space.environ, wait=False)
            backend.ping()
        except BackendError as err:
            self._clean(err)
            yield Finding("backend", "fail", str(err), err.hint)
            yield from backend_checks.unreachable(err, backend)
            return
        try:
            here = [ref.name for ref in backend.stacks() if ref.project in {"", space.project}]
        except BackendError as err:
            self._clean(err)
            yield Finding("backend", "fail", str(err), err.hint)
            yield from backend_checks.described(backend, space.project)
            return
        self._opened = backend
        names = ", ".join(here[:8]) + (" …" if len(here) > 8 else "") or "none of this project"
        where = f"{shown_url(space.backend_url)} (from {space.backend_source})"
        left = backend.obstacle()
        yield Finding("backend", "fail" if left else "ok", f"{where}; stacks: {names}", left)
        yield from backend_checks.described(backend, space.project)

    def _check_stack(self) -> Iterator[Finding]:
        self._session = open_session(self._cwd, self._stack, self._backend, self._environ, self._passphrases)
        production = " (production: rollbacks ask for its name)" if self._session.production else ""
        yield Finding("stack", "ok", f"{self._session.stack}{production}")

    def _check_state(self) -> Iterator[Finding]:
        self._live = self._session.backend.live(self._session.stack)
        version = self._live.deployment.manifest.version
        if what := damage(self._live):
            yield Finding(
                "state", "fail", f"the live state is damaged, and the engine refuses to use it: {what}", REPAIR_HINT
            )
            return
        by = f", written by pulumi {version}" if version else ""
        yield Finding("state", "ok", f"{len(self._live.resources)} resources{by}")

    def _check_history(self) -> Iterator[Finding]:
        timeline = self._session.timeline
        total = len(timeline)
        if total == 0:
            hint = "Deploy once with `pulumi up`; there is nothing to go back to."
            yield Finding("history", "warn", "no updates yet", hint)
            return
        recent = list(islice((entry.update for entry in timeline.entries(limit=RECENT)), RECENT))
        broken = [f"#{update.number}" for update in recent if not update.has_checkpoint or update.problem]
        if broken:
            yield Finding(
                "history",
                "warn",
                f"{total} updates; without a usable checkpoint: {', '.join(broken)}",
                "These can't be rolled back to; `pulumi-rewind show` says why.",
            )
        else:
            yield Finding("history", "ok", f"{total} updates")
        if hasattr(self, "_live") and timeline.live_update() is None:
            yield Finding(
                "history",
                "warn",
                "the live state differs from the newest update: it was changed outside updates",
                f"`pulumi-rewind diff {total} live` shows how; no update holds this state to go back to.",
            )

    def _check_versions(self) -> Iterator[Finding]:
        yield from backend_checks.kept(self._session.timeline.history)

    def _check_rights(self) -> Iterator[Finding]:
        yield from backend_checks.readable(self._session.backend, self._session.stack)

    def _check_git(self) -> Iterator[Finding]:
        from pulumi_rewind.project.repository import open_repository, trust_hint

        root = self._workspace.root if hasattr(self, "_workspace") else self._cwd
        repository = open_repository(root)
        if repository is None:
            yield Finding(
                "git", "warn", f"{root} is in no git repository", "Tags, branches and commits are not known as targets."
            )
            return
        if repository.refusal:
            message = f"git refuses to read {repository.root}: {repository.refusal}"
            hint = trust_hint(repository.refusal, repository.root)
            yield Finding(
                "git", "warn", message, f"{hint} Until then tags, branches and commits are not known.".strip()
            )
            return
        head = repository.head()
        where = f"{repository.branch() or 'detached'}@{head[:7] or 'no commit'}"
        dirty = ", uncommitted changes" if repository.dirty() else ""
        found = f"{where}{dirty}, {len(repository.tags())} tagged commits"
        gaps = repository.gaps()
        yield Finding("git", "warn" if gaps else "ok", found, gaps)

    def _check_records(self) -> Iterator[Finding]:
        try:
            records = self._session.records
            refs = records.refs() if records is not None else {}
            numbers = tuple(records.claims(refs)) if records is not None else ()
            others = len(refs) - len(numbers)
        except RewindError as err:
            yield Finding("records", "warn", f"{err}; history works without records", err.hint)
            return
        if records is None:
            off = not self._session.settings.records
            message = "turned off in rewind.toml" if off else "none: there is no git repository to keep them in"
        elif numbers:
            message = f"{len(numbers)} in git, the newest of #{numbers[-1]}"
        else:
            message = f"none yet in {records.store.directory}; `pulumi-rewind record` records the newest update"
        if others:
            hint = "See `pulumi-rewind record --verify`; `pulumi-rewind record --trust all` uses them."
            yield Finding("records", "warn", f"{message}; {others} {NOT_HERE} and not used", hint)
            return
        yield Finding("records", "ok", message)

    def _check_providers(self) -> Iterator[Finding]:
        wanted: dict[str, str] = {}
        for res in self._live.resources:
            if res.is_provider:
                package = package_of(res)  # of a parameterised one the plugin has another name
                wanted[package.base_name or package.name] = package.base_version
        named = {name: f"{name} {version}".rstrip() for name, version in sorted(wanted.items())}
        engine, home = self._engine.path, self._workspace.home
        missing = [
            text for name, text in named.items() if not plugin_is_here(engine, home, name, wanted[name], self._environ)
        ]
        if missing:
            yield Finding(
                "providers",
                "warn",
                f"provider plugins not installed here: {', '.join(missing)}",
                "The engine downloads public ones itself; else run `pulumi plugin install resource NAME VERSION`.",
            )
        elif "pulumi-nodejs" in wanted and not _node_sdk_is_here(self._workspace.root):
            yield Finding(
                "providers",
                "warn",
                "dynamic providers need the program's packages, and @pulumi/pulumi is not installed here",
                "Run `pulumi install` in the project: the plan of a rollback asks these providers too.",
            )
        elif wanted:
            yield Finding("providers", "ok", ", ".join(named.values()))

    def _check_passphrase(self) -> Iterator[Finding]:
        provider = self._live.deployment.secrets_providers
        kind = provider.type if provider is not None else "none"
        if not self._live.has_secrets:
            yield Finding("passphrase", "ok", f"the state holds no secrets (secrets provider: {kind})")
            return
        try:
            self._session.vault.decrypt(self._live, self._session.stack)
        except SecretsError as err:
            hint = f"{err.hint} History and diff work without.".strip()
            yield Finding("passphrase", "fail", f"{err} (secrets provider: {kind})", hint)
        except RewindError as err:
            yield Finding("passphrase", "fail", f"secrets can't be decrypted: {str(err).splitlines()[0]}", err.hint)
        else:
            by = self._session.vault.opened_by(self._live)
            how = f"{kind}, opened by {by}" if by else kind
            yield Finding("passphrase", "ok", f"the live secrets can be decrypted (secrets provider: {how})")

    def _check_lock(self) -> Iterator[Finding]:
        locks = self._session.backend.locks(self._session.stack)
        if not locks:
            yield Finding("lock", "ok", "not locked")
        for lock in locks:
            after = f"Browsing works; rolling back does not until the lock is gone: {lock.advice}."
            if lock.hold:
                after = f"Updates are refused, rolling back works: {lock.advice}."
            yield Finding("lock", "warn", lock.said, after)

    def _check_pending(self) -> Iterator[Finding]:
        pending = self._live.pending_operations
        if not pending:
            yield Finding("pending", "ok", "no pending operations")
            return
        names = ", ".join(f"{item.type} {urn_name(item.resource.urn)}" for item in pending[:8])
        yield Finding(
            "pending",
            "warn",
            f"a killed update left pending: {names}",
            "Check whether the object being created exists; `pulumi-rewind resolve` adopts or clears it.",
        )

    def _check_interrupted(self) -> Iterator[Finding]:
        try:
            entry = self._session.journal.read()
        except RewindError as err:
            yield Finding("interrupted", "fail", str(err), err.hint)
            return
        if entry is None:
            yield Finding("interrupted", "ok", "no interrupted rollback")
        elif self._session.journal.running(entry):
            what = "an update" if entry.update else f"a rollback to {entry.label}"
            message = f"{what} runs now ({self._session.journal.who(entry)})"
            yield Finding("interrupted", "warn", message, "Wait for it.")
        elif entry.update:
            name = self._session.stack.word
            hint = f"`pulumi-rewind resume {name}` rolls it back to {entry.label}, `resume {name} --forget` keeps it."
            yield Finding("interrupted", "warn", "an update was interrupted", hint)
        else:
            yield Finding(
                "interrupted",
                "warn",
                f"a rollback to {entry.label} was interrupted",
                f"`pulumi-rewind resume {self._session.stack.word}` continues it.",
            )


def _node_sdk_is_here(root: Path) -> bool:
    """Whether Node.js finds Pulumi's SDK from a project: beside it, or in a directory above."""
    return any((place / "node_modules" / "@pulumi" / "pulumi").is_dir() for place in (root, *root.parents))
