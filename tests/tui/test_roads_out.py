"""A secret that others quote leaves on no road: each has a canary, and none can be added unseen.

The engine here is a script that says what providers and engines say when they fail: the secrets of the state, in the
forms in which they quote them.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeGuard

import pytest

import pulumi_rewind
import pulumi_rewind_tui
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import BackendError, EngineError, RewindError
from pulumi_rewind.rollback import planning
from pulumi_rewind.session import open_session
from pulumi_rewind.upkeep import doctor
from pulumi_rewind_tui import cli
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.workers import diff_process
from pulumi_rewind_tui.workers.diff_source import LocalSource
from tests.support.filestack import FileStack
from tests.support.sealing import Sealer
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import choose, go_back, until, wait_for

PASSPHRASE = "a passphrase of the tests"
CANARY = "canary-hunter2/of+the=stack"
CONFIGURED = "canary-configured-jaeger7"
TRACES = [trace for secret in (CANARY, CONFIGURED) for trace in (secret, base64.b64encode(secret.encode()).decode())]
SAID = f"illegal data: {CANARY} ({TRACES[1]}), by {CONFIGURED}"
SHOWN = "illegal data: [secret] ([secret]), by [secret]"

ENGINE = """#!/bin/sh
[ "$1" = version ] && { echo v3.276.0; exit 0; }
[ "$1" = logout ] && exit 0
log=
for word in "$@"; do [ "$last" = --event-log ] && log="$word"; last="$word"; done
[ -n "$log" ] && cat "%(events)s" > "$log"
cat "%(said)s" >&2
exit 1
"""


def without_canary(text: str) -> str:
    for trace in TRACES:
        assert trace not in text
    return text


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStack:
    """Two updates with a secret, another one in the configuration, and an engine that quotes both."""
    made = FileStack(tmp_path / "stack")
    sealer = Sealer(PASSPHRASE)
    for size in ("s", "m"):
        made.update(made.resource("api", {"size": size, "key": sealer.secret(CANARY)}))
    paths = [*made.history.glob("*.checkpoint.json"), made.live_file]
    for path in paths:
        path.write_text(path.read_text().replace("v1:abc=:v1:def:ghi", sealer.salt))
    config = {"encryptionsalt": sealer.salt, "config": {"shop:token": {"secure": sealer.text(CONFIGURED.encode())}}}
    (made.work / "Pulumi.dev.yaml").write_text(json.dumps(config))
    event = {"diagnosticEvent": {"urn": made.urn("api"), "message": SAID, "severity": "error"}}
    (made.root / "events").write_text(json.dumps(event) + "\n")
    (made.root / "said").write_text(f"panic: {SAID}\n\ngoroutine 1 [running]:\nmain.main() {SAID}\n")
    engine = made.root / "bin" / "pulumi"
    engine.write_text(ENGINE % {"events": made.root / "events", "said": made.root / "said"})
    engine.chmod(0o755)
    made.env |= {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE, "XDG_STATE_HOME": str(made.root / "kept")}
    for name in list(os.environ):
        if name.startswith("PULUMI_"):
            monkeypatch.delenv(name)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.work)
    return made


def interrupted(stack: FileStack) -> None:
    """A rollback to #1 that a process which is gone has begun."""
    session = open_session(stack.work, stack.name, environ=stack.env)
    digest = session.timeline.checkpoint(1).digest
    session.journal.begin(target=1, label="#1", digest=digest, start=2)
    entry = json.loads(session.journal.path.read_text()) | {"pid": 999_999_999, "started": 1.0}
    session.journal.path.write_text(json.dumps(entry))


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("line", "begun"),
    [
        ("plan 1", False),
        ("plan 1 --refresh", False),
        ("rollback 1 --yes", False),
        ("rollback 1 --yes --strategy state", False),
        ("resume --yes", True),
        ("up --yes", False),
        ("up --yes --rollback-on-failure", False),
        ("doctor --replay", False),
    ],
)
def test_no_command_quotes_a_secret(
    stack: FileStack, capfd: pytest.CaptureFixture[str], line: str, begun: bool, as_json: bool
) -> None:
    if begun:
        interrupted(stack)
    code = cli.run([*line.split(), *(["--json"] if as_json else [])])
    told = capfd.readouterr()
    assert code != 0
    assert "illegal data" in told.out + told.err
    assert "[secret]" in told.out + told.err
    without_canary(told.out)
    without_canary(told.err)
    if as_json:
        for one in told.out.splitlines():
            json.loads(one)
    for path in (stack.root / "kept").rglob("*"):
        if path.is_file():
            without_canary(path.read_text())


def test_what_is_kept_of_a_crash_of_the_engine_is_masked(stack: FileStack, capfd: pytest.CaptureFixture[str]) -> None:
    """The whole of what it printed lies in the state directory; the error says where."""
    assert cli.run(["rollback", "1", "--yes", "--strategy", "state"]) != 0
    assert "The full output is in" in capfd.readouterr().err
    (kept,) = (stack.root / "kept" / "pulumi-rewind" / "crashes").iterdir()
    assert "main.main() illegal data: [secret]" in without_canary(kept.read_text())


def test_an_error_that_nobody_expected_is_masked_with_its_traceback(
    stack: FileStack, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(session: Any, *_: object, **__: object) -> None:
        session.vault.decrypt(session.live(), session.stack)
        try:
            raise KeyError(CANARY)
        except KeyError as err:
            raise ValueError(f"no {CANARY}") from err

    monkeypatch.setattr(planning, "plan_by_strategy", fails)
    monkeypatch.setenv("PULUMI_REWIND_DEBUG", "1")
    assert cli.run(["plan", "1"]) == 1
    told = without_canary(capfd.readouterr().err)
    assert "ValueError: no [secret]" in told


def test_what_the_doctor_finds_is_masked(
    stack: FileStack, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Any) -> Iterator[None]:
        yield from ()
        self._session.redactor.note_texts([CANARY])
        raise BackendError(f"locks of {CANARY}", hint=f"Not {CANARY}.")

    monkeypatch.setattr(doctor._Doctor, "_check_lock", fails)
    assert cli.run(["doctor", "--json"]) == 1
    found = json.loads(without_canary(capfd.readouterr().out))["findings"]
    assert ("locks of [secret]", "Not [secret].") in [(one["message"], one["hint"]) for one in found]


class Pipe:
    """One question to the process that compares large states, which then ends."""

    def __init__(self, *questions: object) -> None:
        self.questions = list(questions)
        self.answers: list[Any] = []

    def recv(self) -> object:
        if not self.questions:
            raise EOFError
        return self.questions.pop(0)

    def send(self, answer: object) -> None:
        self.answers.append(answer)

    def poll(self) -> bool:
        return False


def test_the_process_that_compares_answers_with_errors_that_are_masked(
    stack: FileStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has decrypted, nobody else knows."""

    def fails(self: LocalSource, *_: object) -> None:
        self._session.redactor.note_texts([CANARY])
        raise quoting()

    monkeypatch.setattr(LocalSource, "compare", fails)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    pipe: Any = Pipe(
        diff_process.SessionSpec(stack.work, stack.name, stack.env["PULUMI_BACKEND_URL"], stack.env),
        (1, "compare", ((1, 2), True)),
    )
    diff_process.serve(pipe)
    ((number, error),) = pipe.answers
    assert (number, str(error)) == (1, "the provider says: [secret]")


# -- the screens ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """One that a rollback may run on."""
    return Shop(tmp_path / "shop", protected=False)


def quoting() -> EngineError:
    error = EngineError(f"the provider says: {CANARY}", hint=f"Not {CANARY}.", output=f"all of it: {CANARY}")
    error.stuck = (f"it is {CANARY}",)
    return error


async def test_the_error_screen_its_full_text_and_its_copy(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert app.session is not None
        app.session.redactor.note_texts([CANARY])
        app.fail(quoting(), meaning="Nothing was changed.")
        await wait_for(pilot, ErrorScreen)
        await pilot.press("t")
        await settle(pilot)
        shown = without_canary(screen_text(app))
        assert "the provider says: [secret]" in shown
        assert "Not [secret]." in shown
        assert "all of it: [secret]" in shown
        await pilot.press("y")
        await settle(pilot)
        assert "all of it: [secret]" in without_canary(app.clipboard)


async def test_whatever_is_copied_passes_the_redactor(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.session is not None
        app.session.redactor.note_texts([CANARY])
        app.copy(f"a page that quotes {TRACES[1]}")
        assert app.clipboard == "a page that quotes [secret]"


async def test_no_key_asks_the_backend_for_its_secrets(shop: Shop) -> None:
    asked: list[int] = []
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert app.session is not None
        app.session.redactor.expect(lambda: asked.append(1) or [], far=True)  # type: ignore[func-returns-value]
        await pilot.press("ctrl+p", *"last")
        await settle(pilot)
        await pilot.press("escape")
        app.copy("what is on the screen")
        app.fail(RewindError("it failed"), meaning="Nothing was changed.")
        await wait_for(pilot, ErrorScreen)
        await pilot.press("t", "y")
        assert "it failed" in app.clipboard
        assert not asked


async def test_a_crash_of_the_application_prints_no_secret(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.session is not None
        app.session.redactor.note_texts([CANARY])
        try:
            raise ValueError(f"no {CANARY}")
        except ValueError:
            app._fatal_error()
        parts: list[Any] = app._exit_renderables
        printed = "".join(segment.text for part in parts for segment in part.segments)
        app._exit_renderables.clear()
        assert "no [secret]" in without_canary(printed)


async def test_an_error_in_a_thread_is_masked_before_anybody_has_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulumi_rewind.rollback import planning

    def fails(session: Any, *_: object, **__: object) -> None:
        session.redactor.note_texts([CANARY])
        raise quoting()

    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        monkeypatch.setattr(planning, "build_plan", fails)
        await choose(pilot, 5)
        await pilot.press("r")
        screen = await wait_for(pilot, ErrorScreen)
        await settle(pilot)
        without_canary(str(screen.error))
        assert "the provider says: [secret]" in without_canary(screen_text(app))
        await pilot.press("escape")
        await settle(pilot)
        without_canary(screen_text(app))


async def test_the_result_its_note_and_the_log_of_the_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the run passes on what it should not."""

    def events(self: Any) -> Iterator[Diagnostic]:
        self.session.redactor.note_texts([CANARY])
        yield Diagnostic(f"said: {CANARY}\x1b[2J", "warning")
        raise quoting()

    play(monkeypatch, events=events)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await go_back(pilot)
        await wait_for(pilot, ResultScreen)
        await settle(pilot)
        assert "the provider says: [secret]" in without_canary(screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: any((shop.directory / "state").rglob("incident-*.md")))
        await settle(pilot)
    (written,) = (shop.directory / "state").rglob("incident-*.md")
    (log,) = (shop.directory / "state").rglob("*.log")
    assert "the provider says: [secret]" in written.read_text()
    assert "said: [secret]\\x1b[2J" in log.read_text()
    for text in (written.read_text(), log.read_text()):
        assert "\x1b" not in without_canary(text)


def test_files_for_people_steer_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulumi_rewind.system.state_directory import StateDirectory
    from pulumi_rewind_tui.text import plan as rendering
    from pulumi_rewind_tui.workers.planner import plan_document
    from pulumi_rewind_tui.workers.private_file import PrivateLog, save_new

    state = StateDirectory({"HOME": str(tmp_path)})
    active = "a\x1b[2J\x9b31m\u202ereversed\r"
    log = PrivateLog(state.root / "a.log", state)
    log.write(active + "\nb\n")
    log.close()
    written = save_new(state, "report.txt", active + "\nb\n")
    for path in (log.path, written):
        first, *rest = path.read_text().split("\n")
        assert first == r"a\x1b[2J\x9b31m\u202ereversed\x0d"
        assert rest == ["b", ""]
    plan: Any = SimpleNamespace(
        stack="shop/dev", diff=None, target=SimpleNamespace(label="#1", update=SimpleNamespace(number=1))
    )
    monkeypatch.setattr(rendering, "plan_json", lambda _: {"message": active})
    monkeypatch.setattr("pulumi_rewind.diff.checkpoints.diff_to_json", lambda *_: {"resources": []})
    text = save_new(state, "plan.json", plan_document(plan)).read_text()
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["message"] == active


# -- a road that nobody thought of ------------------------------------------------------------------------------------

CLEAN = frozenset({"said", "error", "clean"})
"""What takes secrets out of an error; a function that calls one may read the error afterwards."""

ARRIVES_CLEAN = frozenset(
    {
        ("terminal/failures.py", "report_error"),  # from `report`, or from who has cleaned it
        ("commands/diff.py", "_side"),  # adds to the advice of an error on its way to `report`
        ("terminal/failures.py", "_surroundings"),  # compares it, and shows a sentence of ours
        ("app.py", "_journal_unread"),  # from `_open`
        ("screens/error.py", "full_text"),  # from `RewindApp.fail`
        ("screens/error.py", "lines"),
        ("screens/empty.py", "_lines"),  # from `in_thread`
        ("text/home_page.py", "error_lines"),
        ("text/home_page.py", "next_step"),
        ("app.py", "_theme_not_kept"),  # from `in_thread`
        ("commands/doctor.py", "_screens"),  # of settings, which hold no secrets
        ("workers/appearance.py", "appearance"),  # as above, on its way to `report`
        ("text/result_page.py", "error_text"),  # from `workers.runner.Runner`
        ("screens/passphrase.py", "_answer"),  # from `in_thread`
    }
)
"""File and function of the user interface that shows an error which has come there without secrets."""


def read_errors(path: Path) -> Iterator[tuple[str, int]]:
    """Function and line where a module reads what an error says, and hasn't cleaned it in the same place."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = [one for node in ast.walk(function) if isinstance(node, ast.arguments) for one in names_of(node)]
        attributes = [
            ast.unparse(node)
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute) and node.attr in {"error", "failure"}
        ]
        called_so = [
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and ast.unparse(node.value) in attributes
            for target in node.targets
            if isinstance(target, ast.Name)
        ]
        places: list[tuple[ast.AST, str]] = [(function, name) for name in (*arguments, *attributes, *called_so)]
        places += [
            (node, node.name) for node in ast.walk(function) if isinstance(node, ast.ExceptHandler) and node.name
        ]
        for place, name in places:
            nodes = list(ast.walk(place))
            cleaned = any(
                isinstance(node, ast.Call) and called(node) in CLEAN and name in map(ast.unparse, node.args)
                for node in nodes
            )
            yield from ((function.name, node.lineno) for node in nodes if not cleaned and reads(node, name))


def names_of(arguments: ast.arguments) -> list[str]:
    """Of parameters that are errors."""
    return [
        one.arg
        for one in (*arguments.args, *arguments.kwonlyargs)
        if one.arg in {"err", "error", "failure"}
        or (one.annotation is not None and ast.unparse(one.annotation).endswith(("Error", "Exception", "Failed")))
    ]


def reads(node: ast.AST, name: str) -> TypeGuard[ast.expr]:
    match node:
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[value]):
            return ast.unparse(value) == name
        case ast.FormattedValue(value=value):
            return ast.unparse(value) == name
        case ast.Attribute(value=value, attr="hint" | "advice" | "output" | "args" | "stuck", ctx=ast.Load()):
            return ast.unparse(value) == name
    return False


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_nothing_else_of_the_user_interface_reads_what_an_error_says() -> None:
    root = Path(pulumi_rewind_tui.__file__).parent
    found = {
        (str(path.relative_to(root)), name, line) for path in root.rglob("*.py") for name, line in read_errors(path)
    }
    unknown = {place for place in found if place[:2] not in ARRIVES_CLEAN}
    assert not unknown, "use `session.redactor.said(error)`"
    assert ARRIVES_CLEAN - {place[:2] for place in found} == set(), "who doesn't read it any more"


@pytest.mark.parametrize(
    ("call", "root", "allowed"),
    [
        ("copy_to_clipboard", pulumi_rewind_tui, {"app.py"}),
        ("write_text", pulumi_rewind_tui, set()),
        ("write_bytes", pulumi_rewind_tui, set()),
        ("fdopen", pulumi_rewind_tui, set()),
        ("EngineRun", pulumi_rewind, {"engine/cli.py"}),
        ("Engine", pulumi_rewind, {"session.py", "demo/build.py"}),
    ],
)
def test_one_place_copies_writes_and_starts_engines(call: str, root: Any, allowed: set[str]) -> None:
    """Which is the one that asks the redactor."""
    top = Path(root.__file__).parent
    found = {
        str(path.relative_to(top))
        for path in top.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and called(node) == call
    }
    assert found == allowed
