"""Comparing in another process gives the same answers, and lives and dies with what it is for."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_rewind.errors import BackendError, CheckpointError, SecretsError
from pulumi_rewind.session import Session, open_session
from pulumi_rewind_tui.text.comparison import LIVE, CancelCheck, Cancelled, Comparison, Key
from pulumi_rewind_tui.workers import comparer as comparing
from pulumi_rewind_tui.workers.comparer import Comparer
from pulumi_rewind_tui.workers.diff_process import ProcessSource, SessionSpec
from pulumi_rewind_tui.workers.diff_source import LocalSource
from tests.support.tui.shop import Shop, settle, title
from tests.support.tui.shop_recording import PASSPHRASE

KEY = (LIVE, 6)


def never() -> bool:
    return False


def spec_of(shop: Shop) -> SessionSpec:
    return SessionSpec(shop.root, "shop/prod", shop.backend.as_uri(), shop.environ)


def session_of(shop: Shop) -> Session:
    return open_session(shop.root, stack="prod", environ=shop.environ)


@pytest.fixture
def far(shop: Shop) -> Iterator[ProcessSource]:
    source = ProcessSource(spec_of(shop))
    yield source
    source.close()


@pytest.mark.parametrize("decrypt", [False, True])
def test_both_sources_say_the_same(shop: Shop, far: ProcessSource, decrypt: bool) -> None:
    near = LocalSource(session_of(shop))
    here, there = near.compare(KEY, decrypt, never), far.compare(KEY, decrypt, never)
    assert there == here
    assert there.resources
    assert far.unchanged(KEY, decrypt) == near.unchanged(KEY, decrypt)
    index = next(i for i, res in enumerate(here.resources) if res.op == "create")
    far.prepare(KEY, decrypt, never)
    assert far.details(KEY, decrypt, index, True) == near.details(KEY, decrypt, index, True)


def test_secrets_are_masked_until_one_is_revealed(far: ProcessSource) -> None:
    done = far.compare(KEY, True, never)
    assert "correct-horse" not in repr(done)
    index = next(i for i, res in enumerate(done.resources) if res.name == "orders-db")
    change = far.revealed(KEY, index, "inputs.password")
    assert change is not None
    assert change.old == "correct-horse"


def test_errors_come_over_with_their_hints(shop: Shop, far: ProcessSource) -> None:
    shop.checkpoint(6).write_text("{")
    with pytest.raises(CheckpointError, match="#6") as caught:
        far.compare(KEY, False, never)
    assert caught.value.hint
    assert far.compare((LIVE, 5), False, never).resources, "and it goes on"


def test_a_passphrase_is_handed_over_in_memory(tmp_path: Path) -> None:
    source = ProcessSource(spec_of(Shop(tmp_path / "shop", passphrase=None)))
    try:
        with pytest.raises(SecretsError):
            source.compare(KEY, True, never)
        source.add_passphrase(PASSPHRASE)
        assert source.compare(KEY, True, never).secrets == "compared"
        assert source._process is not None
        assert PASSPHRASE not in Path(f"/proc/{source._process.pid}/cmdline").read_text()
    finally:
        source.close()


def test_giving_up_leaves_it_usable(far: ProcessSource) -> None:
    with pytest.raises(Cancelled):
        far.compare(KEY, False, lambda: True)
    assert far.compare(KEY, False, never).key == KEY


def test_it_is_started_again_after_it_died_and_ends_when_closed(far: ProcessSource) -> None:
    far.compare(KEY, False, never)
    assert far._process is not None
    os.kill(far._process.pid, signal.SIGKILL)
    far._process.wait()
    with pytest.raises(BackendError, match="has ended"):
        far.compare(KEY, False, never)
    assert isinstance(far.compare(KEY, False, never), Comparison)
    process = far._process
    assert process is not None
    far.close()
    assert process.poll() is not None


@pytest.mark.parametrize("tell", [lambda far: far.forget(LIVE), lambda far: far.add_passphrase("words")])
def test_what_it_is_told_does_not_wait_for_the_answer_to_a_question(
    far: ProcessSource, tell: Callable[[ProcessSource], None]
) -> None:
    far.compare(KEY, False, never)
    assert far._process is not None
    os.kill(far._process.pid, signal.SIGSTOP)
    waiting, given_up = threading.Event(), threading.Event()

    def cancelled() -> bool:
        waiting.set()
        return given_up.is_set()

    def ask() -> None:
        with pytest.raises(Cancelled):
            far.compare((LIVE, 5), False, cancelled)

    asking = threading.Thread(target=ask)
    telling = threading.Thread(target=tell, args=(far,), daemon=True)
    asking.start()
    assert waiting.wait(20)
    telling.start()
    telling.join(10)
    late = telling.is_alive()
    given_up.set()
    asking.join(20)
    os.kill(far._process.pid, signal.SIGCONT)
    assert not late


def test_a_passphrase_reaches_what_is_begun_later_and_what_lacked_it_is_made_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.passphrase = None
    comparer = Comparer(session_of(shop), spec_of(shop))
    compare = LocalSource.compare
    asked: list[bool] = []

    def meanwhile(source: LocalSource, key: Key, decrypt: bool, cancelled: CancelCheck) -> Comparison:
        asked.append(decrypt)
        if asked == [True, False]:
            comparer.add_passphrase(PASSPHRASE)  # typed while the comparison is under way
        return compare(source, key, decrypt, cancelled)

    monkeypatch.setattr(LocalSource, "compare", meanwhile)
    assert comparer.compare_decrypted(KEY).secrets == "locked"
    assert comparer.cached(KEY) is None
    monkeypatch.setattr(comparing, "LARGE", 10)
    assert comparer.compare_decrypted(KEY).secrets == "compared"
    comparer.close()


def test_only_large_states_go_there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    comparer = Comparer(session_of(shop), spec_of(shop))
    assert isinstance(comparer.compare(KEY).source, LocalSource)
    monkeypatch.setattr(comparing, "LARGE", 10)
    assert isinstance(comparer.compare(KEY).source, ProcessSource)
    comparer.close()


def test_no_module_of_the_directory_is_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("secrets", "fnmatch", "msgspec", "pulumi_rewind_tui", "multiprocessing"):
        (shop.root / f"{name}.py").write_text("open('ran', 'w')\nraise ImportError\n")
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("PYTHONPATH", f"{shop.root}:")
    environ = {**shop.environ, "PULUMI_REWIND_ENGINE": "bin/pulumi"}
    source = ProcessSource(SessionSpec(shop.root, "shop/prod", shop.backend.as_uri(), environ))
    assert source.compare(KEY, True, never).resources
    source.close()
    assert not (shop.root / "ran").exists()


async def test_home_works_the_same_on_large_states(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "LARGE", 10)
    async with shop.app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j", "tab")
        await settle(pilot)
        home = pilot.app.home  # type: ignore[attr-defined]
        assert "LIVE → #6   ±1" in title(home.diff)
        assert isinstance(home.diff.comparison.source, ProcessSource)
        process = home.diff.comparison.source._process
        home.diff.move_to(next(i for i, row in enumerate(home.diff.rows) if row.urn.endswith("::jobs")))
        before = home.diff.count()
        await pilot.press("enter")
        await settle(pilot)
        assert home.diff.count() > before, "details are fetched when opened"
    assert process is not None
    assert process.wait(5) is not None, "it ends with the application"
