"""The pulumi CLI as a process: runs that stream typed events, and exports.

The CLI runs in its own process group, so that a Ctrl-C in the terminal reaches only us and is forwarded
once; its event log is a file in a private directory that is tailed while it grows.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pulumi_rewind.engine.crashes import is_crash, keep, kept_in, report_of, sentence
from pulumi_rewind.engine.environment import OF_PREVIEWS, engine_environ
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Summary, parse_event, without_quotes
from pulumi_rewind.engine.messages import says_unreached
from pulumi_rewind.errors import EngineError, SecretsError
from pulumi_rewind.project.workspace import Workspace
from pulumi_rewind.secrets.passphrase import no_passphrase, wrong_passphrase
from pulumi_rewind.state.integrity import REPAIR_HINT
from pulumi_rewind.state.model import urn_name
from pulumi_rewind.system.private_directory import locks
from pulumi_rewind.system.processes import kill_all, undisturbed
from pulumi_rewind.system.toolchain import engine_path

POLL_SECONDS = 0.05
"""How often a growing event log is looked at; the screen is allowed 0.25 s."""

_PLAIN = ("--non-interactive", "--color", "never")

STARTUP_SECONDS = 30.0
"""How long the CLI may take to start before an interrupt is sent to it anyway."""


@dataclass(frozen=True)
class Engine:
    """A usable pulumi CLI and the environment it runs in for one project."""

    path: Path
    version: str
    workspace: Workspace
    redact: Callable[[str], str] = str
    """Masks known secrets in everything that the engine, providers and programs print, before it is passed on."""

    def environment(self) -> dict[str, str]:
        """The environment of every CLI process: what `engine.environment` keeps, and what a replay needs."""
        env = engine_environ(self.workspace.environ)
        env["PATH"] = engine_path(self.path, env)
        env["PULUMI_BACKEND_URL"] = self.workspace.backend_url
        env["PULUMI_HOME"] = str(self.workspace.home)
        env["PULUMI_SKIP_UPDATE_CHECK"] = "1"
        env["PULUMI_DEBUG_COMMANDS"] = "true"  # makes --event-log known
        env["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] = "true"
        env.setdefault("GOGC", "400")  # a quarter less CPU, measured
        env.pop("NO_COLOR", None)
        venv = self.workspace.runtime_options.get("virtualenv")
        if self.workspace.runtime == "python" and isinstance(venv, str) and venv:
            env.setdefault("PULUMI_RUNTIME_VIRTUALENV", str((self.workspace.root / venv).absolute()))
        return env

    def start(self, arguments: Sequence[str], *, private: Path, extra_env: Mapping[str, str] = {}) -> EngineRun:
        """Starts a preview or an update whose events can be iterated.

        `private` is a 0700 directory for the event log. The caller iterates `EngineRun.events`.
        """
        run: EngineRun | None = None
        try:
            with undisturbed():
                run = EngineRun(self, arguments, private, extra_env)
        except BaseException:  # a Ctrl-C that was held back
            if run is not None:
                run.kill()
            raise
        return run

    def call(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] = {},
        cwd: Path | None = None,
        stdin: bytes = b"",
        shielded: bool = False,
        what: str = "",
    ) -> bytes:
        """Runs a short command, gives it `stdin` to read, and returns what it printed.

        `shielded`: a Ctrl-C in the terminal doesn't reach it. `what` is said where it fails.

        Raises:
            SecretsError: the passphrase is missing or wrong.
            EngineError: any other failure; `output` holds the message.
        """
        with _startable(self):
            done = subprocess.run(
                [str(self.path), *arguments, *_PLAIN],
                cwd=cwd or self.workspace.root,
                env=self.environment() | dict(env),
                input=stdin,
                capture_output=True,
                check=False,
                start_new_session=shielded,
            )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace")
            raise failure(what or f"pulumi {arguments[0]} failed", said, self.workspace.environ, self.redact)
        return done.stdout


@contextlib.contextmanager
def _startable(engine: Engine, *opened: IO[bytes]) -> Iterator[None]:
    """Says what it means when the CLI, found before, can't be started any more: it was removed or is being upgraded.

    What was `opened` for it is closed then.
    """
    try:
        yield
    except OSError as err:
        for file in opened:
            file.close()
        raise EngineError(
            f"the pulumi CLI {engine.path} can't be started: {err.strerror or err}",
            hint="It may have been removed or upgraded just now; see `pulumi version`, then try again.",
        ) from None


class EngineRun:
    """One running preview or update."""

    def __init__(self, engine: Engine, arguments: Sequence[str], private: Path, extra_env: Mapping[str, str]) -> None:
        fd, name = tempfile.mkstemp(prefix="events-", suffix=".json", dir=private)
        os.close(fd)
        self._log = Path(name)
        self.keep_log: Path | None = None
        """Where the event log is moved at the end, on the same file system; None: it is removed."""
        self._output = tempfile.TemporaryFile(dir=private)  # noqa: SIM115 - lives as long as the run
        self._printed = ""
        self._environ = engine.workspace.environ
        self._redact = engine.redact
        self._written: deque[str] = deque(maxlen=TAIL)
        """The last of what the program wrote to its standard error."""
        self._interrupts = 0
        self.heard = False
        """Whether it has reported any event; it can't if its log can't be written."""
        self.summary: Summary | None = None
        self.errors: list[Diagnostic] = []
        self._unreached: dict[str, None] = {}
        """URNs of what the engine's plan has and the run didn't come to."""
        self._unplanned = False
        """Whether that is all that went wrong."""
        with _startable(engine, self._output):
            self.process = subprocess.Popen(
                # Nobody reads the outputs it would print, and to compare two that are megabytes long takes it minutes.
                [str(engine.path), *arguments, "--event-log", name, "--suppress-outputs", *_PLAIN],
                cwd=engine.workspace.root,
                env={**engine.environment(), **(OF_PREVIEWS if arguments[0] == "preview" else {}), **extra_env},
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=locks(private),
            )

    def events(self) -> Iterator[EngineEvent]:
        """Yields events as they come, until the CLI has ended; then `returncode` is known."""
        pending = b""
        with self._log.open("rb") as log:
            while True:
                ended = self.process.poll() is not None
                chunk = log.read()
                if chunk:
                    *lines, pending = (pending + chunk).split(b"\n")
                    for line in lines:
                        yield from self._event(line)
                elif ended:
                    break
                else:
                    time.sleep(POLL_SECONDS if self.summary is None else POLL_SECONDS / 10)  # then it only ends
        if pending:
            yield from self._event(pending)
        yield from self._aftermath()
        with contextlib.suppress(OSError):
            self._log.unlink() if self.keep_log is None else self._log.replace(self.keep_log)
        self._close_output()

    def _event(self, line: bytes) -> Iterator[EngineEvent]:
        event = parse_event(line)
        if event is None:
            return
        self.heard = True
        if isinstance(event, Summary):
            self.summary = event
        elif isinstance(event, Diagnostic) and event.severity == "error" and says_unreached(event.message):
            self._unreached[event.urn] = None
            return
        event = without_quotes(event, self._redact)
        if isinstance(event, Diagnostic) and event.severity == "error":
            self.errors.append(event)
        elif isinstance(event, Diagnostic) and event.severity == "info#err":
            self._written.extend(line for line in event.message.splitlines() if line.strip())
        yield event

    def _aftermath(self) -> Iterator[EngineEvent]:
        """One line for all steps that were not reached because something failed; the cause was reported before."""
        blamed = {error.urn for error in self.errors}
        names = [urn_name(urn) for urn in self._unreached if urn not in blamed]
        if not names:
            return
        shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
        count = "1 step" if len(names) == 1 else f"{len(names)} steps"
        if self.errors:
            yield Diagnostic(f"{count} of the plan not reached: {shown}", "info")
            return
        self._unplanned = True
        alone = Diagnostic(f"the run did not reach {count} of the reviewed plan: {shown}", "error")
        self.errors.append(alone)
        yield alone

    @property
    def returncode(self) -> int | None:
        """The CLI's exit code, None while it runs."""
        return self.process.poll()

    def output(self) -> str:
        """What the CLI printed so far."""
        if not self._output.closed:
            self._output.seek(0)
            self._printed = self._output.read().decode(errors="replace")
        return self._printed

    def _close_output(self) -> None:
        self.output()
        self._output.close()

    def interrupt(self) -> None:
        """First call: no new steps, running ones finish. Second call: stop now.

        Until its first event the CLI doesn't listen: a SIGINT then ends it on the spot, and the lock that it may hold
        already would stay. The first one waits for that event.
        """
        self._interrupts += 1
        if self._interrupts == 1 and not self._listens():
            threading.Thread(target=self._interrupt_later, name="interrupt", daemon=True).start()
        else:
            self._send_interrupt()

    def _listens(self) -> bool:
        try:
            return self._log.stat().st_size > 0
        except OSError:
            return True  # the log is gone: it has ended

    def _interrupt_later(self) -> None:
        until = time.monotonic() + STARTUP_SECONDS
        while not self._listens() and self.process.poll() is None and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        self._send_interrupt()

    def _send_interrupt(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    @property
    def interrupted(self) -> bool:
        """Whether we have asked it to stop."""
        return self._interrupts > 0

    def kill(self) -> None:
        """Ends the CLI and its plugins at once; pending operations may be left behind."""
        kill_all(self.process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self._close_output()

    def error(self, what: str) -> EngineError | SecretsError:
        """The failure as one of our errors, from diagnostics or else from what the CLI printed."""
        messages = [clean_error(event.message) for event in self.errors]
        found = list(dict.fromkeys(filter(None, messages)))
        said = "\n".join(event.message for event in self.errors)
        if self._written and len(found) == 1 and _ONLY_ENDED.search(found[0]):
            said = "\n".join(self._written)
            found.append(sentence(said))
        text = "\n".join(found)
        error = failure(what, text) if text else failure(what, self.output(), self._environ, self._redact)
        if isinstance(error, EngineError):
            error.urns = frozenset(event.urn for event in self.errors if event.urn)
            lines = {event.urn: clean_error(event.message).partition("\n")[0] for event in reversed(self.errors)}
            error.reasons = {urn: line.removeprefix("Preview failed: ") for urn, line in lines.items() if urn}
            error.whole = said if is_crash(said) else ""
            if self._unplanned:
                error.explain(_UNPLANNED)
        return error


NAMED: Final = 6
"""How many names a line lists."""

TAIL: Final = 20
"""How many lines of a program's output are kept in case nothing else says why it ended."""

_ONLY_ENDED: Final = re.compile(r"program exited with non-zero|could not read plugin |error reading from server: EOF$")
"""The only message for a program or plugin that ended; its own output says why. The first is of old language hosts."""

_AFTERMATH: Final = frozenset(
    {
        "preview failed",
        "update failed",
        "resource monitor shut down",
        "Resource monitor has terminated, shutting down",
    }
)
"""What is said because something else has failed: the last one by a program that was still registering."""


def clean_error(message: str) -> str:
    """One engine diagnostic without the lines that repeat what the caller says anyway."""
    lines = [line.rstrip() for line in sentence(message.strip()).splitlines()]
    return "\n".join(line for line in lines if line.rstrip(".") not in _AFTERMATH)


_PATCH_FORCE = (
    "Something else changed these fields in the cluster (`kubectl scale`, an autoscaler). To take over the fields, set "
    "`PULUMI_K8S_ENABLE_PATCH_FORCE=true` and run the command again."
)
"""Of pulumi-kubernetes: https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/."""

_IMMUTABLE = (
    "The cluster refuses to change this field in place, and the provider doesn't replace the object for it. Leave the "
    "object out, or delete it yourself (`kubectl delete`) and plan again with `--refresh`."
)

_UNPLANNED = "The run differs from the reviewed plan. Plan again and review the new plan."

_LOCKED: Final = ("is currently locked", "[409] conflict: another update is currently in progress")
"""How the CLI says that somebody else holds the stack: of a DIY backend, and of a service."""

_LOCK_HINT: Final = "Wait for the other operation, or run `pulumi cancel` if it is dead."
_PLUGIN_HINT: Final = "Install the provider plugin of that version (`pulumi plugin install`), then try again."

_HINTS: tuple[tuple[str, str], ...] = (
    ("snapshot integrity", REPAIR_HINT),
    *((said, _LOCK_HINT) for said in _LOCKED),
    ("rate-limit exceeded", "The service limits how often it is asked; wait a minute and try again."),
    *((said, _PLUGIN_HINT) for said in ("no resource plugin", "could not find plugin", "unable to find plugin")),
    ("is protected", "If it may be deleted, run `pulumi state unprotect URN`, then plan again."),
    ("violates plan", _UNPLANNED),
    ("not allowed by the plan", _UNPLANNED),
    (
        "no space left",
        "Free some space on the disk of that file, then try again. TMPDIR sets another directory for temporary files.",
    ),
    (
        "read-only file system",
        "Make that file writable, then try again. TMPDIR sets another directory for temporary files.",
    ),
    ("permission denied", "Check the permissions of the backend and of the named file, then try again."),
    (
        "legacy diy state",
        "`pulumi state upgrade` of pulumi 3.274.1 or older upgrades the backend; `history` and `diff` need no upgrade.",
    ),
    ("apply conflict", _PATCH_FORCE),
    ("field conflict", _PATCH_FORCE),
    ("field is immutable", _IMMUTABLE),
    ("spec: forbidden: updates to", _IMMUTABLE),
    ("unknown query parameter", "CLIs up to 3.243 know no `role=`, and use_path_style only as s3ForcePathStyle=true."),
    ("unknown flag", "This pulumi CLI is too old; install version 3.206 or newer."),
)


def failure(
    what: str, output: str, environ: Mapping[str, str] | None = None, redact: Callable[[str], str] = str
) -> EngineError | SecretsError:
    """Turns what the CLI said into an error with a next step, without secrets; of a crash the first sentence.

    All that the CLI said of its own crash is kept in the state directory of `environ`, if given.
    """
    lowered = output.lower()
    output = redact(output)
    if "incorrect passphrase" in lowered:
        return wrong_passphrase()
    if "passphrase must be set" in lowered:
        return no_passphrase()
    text = sentence(output.strip().removeprefix("error: ").strip())
    needle, hint = next(((needle, hint) for needle, hint in _HINTS if needle in lowered), ("", ""))
    if text:
        what = f"{what}: {text}" if what else text
    if environ is not None and (report := report_of(output)) and (path := keep(report, environ)):
        hint = f"{hint} {kept_in(path)}".strip()
    locked = needle in _LOCKED
    return EngineError(what, hint=hint, unchanged=locked, output=output, locked=locked, unexplained=not needle)
