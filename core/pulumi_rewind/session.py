"""One stack opened for work: where it is, its timeline, its engine and its secrets, each loaded when first needed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.protocol import Backend, History
from pulumi_rewind.backends.urls import secrets_of_proxies, secrets_of_url
from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.errors import BackendError, CheckpointError, RewindError, StackNotFound, UsageError
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.project.git_place import find_repository
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.project.settings import Settings, load_settings
from pulumi_rewind.project.workspace import Workspace, find_workspace
from pulumi_rewind.records.history import with_records
from pulumi_rewind.records.verdicts import KeptVerdicts
from pulumi_rewind.secrets.environment import secrets_of_environment
from pulumi_rewind.secrets.known import KnownSecrets
from pulumi_rewind.secrets.passphrase import VARIABLE, Passphrase, own_passphrase
from pulumi_rewind.state.locks import Lock, running
from pulumi_rewind.state.model import Checkpoint, Deployment, SecretsProvider, StackRef, Update

if TYPE_CHECKING:
    from pulumi_rewind.assets.sources import Store
    from pulumi_rewind.backends.cloud_secrets import ServiceSecrets
    from pulumi_rewind.engine.cli import Engine
    from pulumi_rewind.project.repository import Repository
    from pulumi_rewind.records.store import Records
    from pulumi_rewind.state.values import Json
    from pulumi_rewind.trust.agreements import Trust


LISTED: Final = 20
"""How many stacks a message names."""


class Session:
    """Everything about one stack; cheap to make, nothing is read until asked for."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        backend: Backend,
        stack: StackRef,
        passphrases: tuple[str, ...] = (),
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.backend = backend
        self.stack = stack
        self.redactor = KnownSecrets(public=(stack.name, stack.project, stack.organization, workspace.project))
        """Masks all secrets of this session in a text; all output passes through it."""
        self.redactor.expect(self._given_secrets)
        environ, names = workspace.environ, settings.passphrase_env
        self.vault = Vault(
            lambda: self.engine,
            [
                *(Passphrase(text, "a passphrase file") for text in passphrases),
                *(Passphrase(environ[name], name) for name in names if environ.get(name)),
            ],
            lambda: own_passphrase(environ, workspace.cwd),
            self.redactor,
            self._check_key_service,
            self._ask_service,
        )

    @cached_property
    def _services(self) -> ServiceSecrets:
        from pulumi_rewind.backends.cloud_secrets import ServiceSecrets

        return ServiceSecrets(self.backend.url, self.workspace.environ)

    def _ask_service(
        self, provider: SecretsProvider, stack: StackRef, sealed: Iterable[str]
    ) -> Mapping[str, bytes] | None:
        return self._services.open(provider, stack, sealed)

    @cached_property
    def engine(self) -> Engine:
        """The pulumi CLI for this project.

        Raises:
            EngineError: there is none, or it is too old.
        """
        from pulumi_rewind.engine.cli import Engine
        from pulumi_rewind.system.toolchain import find_engine

        info = find_engine(self.workspace.environ)
        self.redactor.expect(self._stored_secrets, far=True)  # of which providers may speak from now on
        return Engine(info.path, info.version, self.workspace, self.redactor)

    def _given_secrets(self) -> Iterator[str]:
        """What the environment holds beside passphrases: those are many a common word, see `redactor_of_callbacks`."""
        from pulumi_rewind.secrets.redaction import parts

        yield from secrets_of_url(self.workspace.backend_url)
        yield from secrets_of_proxies(self.workspace.environ)
        for secret in secrets_of_environment(self.workspace.environ):
            yield from parts(secret)

    def _stored_secrets(self) -> Iterator[str]:
        """The secrets of the live state, if nobody has opened it yet, and of the configuration file."""
        from pulumi_rewind.project.stack_configuration import ciphertexts, config_document

        live = self.backend.live(self.stack)
        with contextlib.suppress(RewindError):
            self.vault.decrypt(live, self.stack)
        sealed = list(ciphertexts(config_document(self.workspace.config_file(self.stack.name))))
        yield from [text.decode(errors="replace") for text in self.vault.opened_texts(live, self.stack, sealed)]

    @cached_property
    def redactor_of_callbacks(self) -> Callable[[str], str]:
        """The same for code of the project, which has the passphrases as well.

        Providers are not asked to be silent of those: many a passphrase is a word that messages are full of.
        """
        from pulumi_rewind.secrets.redaction import Redactor, parts

        environ = self.workspace.environ
        given = [environ.get(name, "") for name in (VARIABLE, *self.settings.passphrase_env)]
        passphrases = Redactor()
        passphrases.add(part for text in given for part in parts(text))
        return lambda text: passphrases(self.redactor(text))

    def forget_engine(self) -> None:
        """Lets the CLI be looked for again."""
        self.__dict__.pop("engine", None)

    @cached_property
    def repository(self) -> Repository | None:
        """The project's git repository, None if it isn't in one."""
        if find_repository(self.workspace.root) is None:
            return None
        from pulumi_rewind.project.repository import open_repository

        return open_repository(self.workspace.root)

    @cached_property
    def records(self) -> Records | None:
        """The stack's records; None outside git, and where they are turned off.

        Raises:
            UsageError: ``records_repository`` names something that is no repository.
        """
        from pulumi_rewind.records.store import open_records

        return open_records(self.workspace, self.settings, self.stack, self.place)

    @property
    def place(self) -> str:
        """The backend's URL, with the organization: another organization's stack of that name is another stack."""
        return "/".join(filter(None, (self.backend.url, self.stack.organization)))

    def page(self, update: Update | None = None) -> str:
        """The web page of the stack, or of an update that its backend has; empty where there is none."""
        known = update is not None and update.from_record != "update"
        return self.backend.link(self.stack, (update.place or update.number) if update is not None and known else None)

    def history(self, *, quick: bool = False) -> History:
        """The stack's updates as they are now, those included that only records know; `quick` as for backends."""
        return with_records(self.backend.history(self.stack, quick=quick), self._kept)

    def glimpse(self) -> Timeline:
        """The timeline; where it isn't open yet, opened as fast as can be, for looking at its newest updates alone.

        Whoever takes a number from it to change something asks `History.confirm` first.
        """
        if "timeline" not in self.__dict__:
            self.__dict__["timeline"] = self._timeline_of(self.history(quick=True))
        return self.timeline

    def asset_store(self, private: Path) -> Store:
        """Contents of assets from records, as files under `private`."""
        from pulumi_rewind.records.assets import RecordedAssets

        return RecordedAssets(self._kept, private)

    def _kept(self) -> Records | None:
        """The records if there can be any, which the file system tells without git."""
        from pulumi_rewind.records.place import may_have_records, place_of

        place = place_of(self.workspace.root, self.settings.records_repository)
        return self.records if self.settings.records and may_have_records(place) else None

    def _check_key_service(self, checkpoint: Checkpoint) -> None:
        """Before a key service is asked to open a checkpoint: it must be live's, or the operator's own choice.

        Raises:
            UntrustedTarget: others can write the backend, and nobody has agreed to this one.
        """
        from pulumi_rewind.trust.targets import secrets_finding

        try:
            live = self.timeline.live()
        except BackendError:
            live = Checkpoint(b"", Deployment())
        found = secrets_finding(checkpoint, live) if checkpoint.digest != live.digest else None
        if found is not None and (reason := self.backend.shared(self.stack)):
            self.trust.require(str(self.stack), "a checkpoint", [found], reason, own=False)

    @cached_property
    def timeline(self) -> Timeline:
        """The stack's updates, without git annotations until `repository` is asked for."""
        return self._timeline_of(self.history())

    def _timeline_of(self, history: History) -> Timeline:
        return Timeline(
            history,
            self.backend,
            self.stack,
            lambda: self.repository,
            lambda old, new: self.vault.decrypt_differing(old, new, self.stack),
            _unused_note,
            KeptVerdicts(self.journal, history),
        )

    @cached_property
    def kept_config(self) -> Mapping[str, str]:
        """What the backend keeps of the stack's configuration instead of a file; empty where there is a file."""
        return self.backend.about(self.stack).config

    def config_file(self, live: Checkpoint, private: Path, changes: Mapping[str, Json] = {}) -> Path:
        """The stack's configuration for a run; see `project.stack_configuration.config_file`."""
        from pulumi_rewind.project.stack_configuration import config_file

        own = self.workspace.config_file(self.stack.name)
        return config_file(own, live, private, changes, self.vault.resealer, self.kept_config)

    @property
    def journal(self) -> Journal:
        """The journal of this stack's rollbacks."""
        return Journal(self.backend.url, self.stack, self.workspace.environ)

    @property
    def trust(self) -> Trust:
        """What the operator has agreed to for this project."""
        from pulumi_rewind.trust.agreements import Trust

        return Trust(self.journal.state, self.workspace.project)

    @property
    def production(self) -> bool:
        """Whether the stack's name matches the production patterns of `rewind.toml`."""
        return self.settings.is_production(self.stack.name)

    def live(self) -> Checkpoint:
        """The state now, read afresh; where it is damaged, the error says how to go back all the same.

        Raises:
            BackendError, CheckpointError: it can't be read.
        """
        try:
            return self.backend.live(self.stack)
        except CheckpointError as err:
            err.advice = err.intact
            err.advise("`--strategy state` (in the review: t) replaces it with the target's checkpoint.")
            raise

    def operations(self, *, quick: bool = False) -> list[Lock]:
        """Who is changing the stack, as the backend's locks say; a hold, which our own runs pass, is none."""
        return running(self.backend.locks(self.stack, quick=quick))

    def reload(self, *, history: bool = True, live: bool = True, quick: bool = False) -> None:
        """Forgets what was read of the backend and of git, so that the next look sees what is there now.

        Without `history` the list of updates is taken to be as it was: with 10,000 of them it takes a while to read.
        Without `live` the state is, for its mark in `Backend.glance` is the same. With `quick` the list is opened as
        `glimpse` does.
        """
        known: Timeline | None = self.__dict__.pop("timeline", None)
        if known is not None and not history:
            self.__dict__["timeline"] = self._timeline_of(known.history)
        if quick:
            self.glimpse()
        if known is not None and not live:
            self.timeline.know_live(known)
        opened: Repository | None = self.__dict__.get("repository")
        if opened is not None:
            opened.refresh()
        else:
            self.__dict__.pop("repository", None)  # there may be one by now


def _unused_note(timeline: Timeline, text: str) -> str:
    from pulumi_rewind.records.foreign import unused_note

    return unused_note(timeline, text)


def _cache(settings: Settings, environ: Mapping[str, str]) -> Path | None:
    """Where what is read of histories may be kept."""
    from pulumi_rewind.system.toolchain import user_cache

    return user_cache(environ) / "history" if settings.cache else None


def open_session(
    cwd: Path,
    stack: str | None = None,
    backend: str | None = None,
    environ: Mapping[str, str] = os.environ,
    passphrases: tuple[str, ...] = (),
) -> Session:
    """Opens the project at (or above) `cwd` and one of its stacks; the current stack if none is named.

    `passphrases` are tried on checkpoints in addition to the one of the environment; kept in memory only.

    Raises:
        ProjectNotFound, StackNotFound, BackendError: there is no such thing.
        UsageError: no stack is named and none is selected; the message lists the stacks.
    """
    workspace = find_workspace(cwd, backend=backend, environ=environ)
    settings = load_settings(workspace.root, environ)
    opened = open_backend(workspace.backend_url, workspace.environ, _cache(settings, workspace.environ), wait=False)
    name = stack or workspace.current_stack()
    if not name:
        there = [ref for ref in opened.stacks() if ref.project in {"", workspace.project}]
        if len(there) != 1:
            known = [ref.word for ref in there]
            names = ", ".join(known[:LISTED]) + (" …" if len(known) > LISTED else "") or "none yet"
            raise UsageError(
                f"no stack is selected in {workspace.root}; stacks of {workspace.project}: {names}",
                hint="Name one (`-s NAME`), or select one with `pulumi stack select`.",
            )
        return Session(workspace, settings, opened, there[0], passphrases)
    try:
        ref = opened.find(name, workspace.project)
    except StackNotFound as err:
        err.advise(_way_back(workspace, settings, name.rsplit("/", 1)[-1]) if "stack init" not in err.advice else "")
        raise
    return Session(workspace, settings, opened, ref, passphrases)


def _way_back(workspace: Workspace, settings: Settings, name: str) -> str:
    """What brings a stack back that is gone with its history; empty if it has no records in git."""
    from pulumi_rewind.records.git import ref_folder
    from pulumi_rewind.records.place import may_have_records, place_of

    place = place_of(workspace.root, settings.records_repository)
    if not (settings.records and may_have_records(place, folder=ref_folder(workspace.project, name))):
        return ""
    return (
        f"Records of {name} are in git: if it was removed, `pulumi stack init {name}` creates an empty one, and "
        "`rollback last-good --strategy state` puts the newest good state into it."
    )
