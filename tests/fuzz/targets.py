"""Everything that takes apart what others may have written, each with seeds to spoil and what is done with an input.

A target may answer with an error of ours and with nothing else. What it does with an input is what the product does,
as far as that needs no engine and no git.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.answers import answer_targets
from tests.fuzz.own import own_targets
from tests.fuzz.project import project_targets
from tests.fuzz.seeds import STATES, Target, opened
from tests.fuzz.states import state_targets
from tests.fuzz.texts import text_targets
from tests.support.filestore import FileStore


def targets(folder: Path) -> dict[str, Target]:
    """All of them by name; `folder` is for their files."""
    store = FileStore(folder / "backend")
    for value in range(3):
        store.add(value, commit=str(value) * 40)
    live = opened(STATES[1])
    return {
        **state_targets(folder, live),
        **project_targets(folder, live),
        **text_targets(store, live),
        **answer_targets(),
        **own_targets(folder),
    }
