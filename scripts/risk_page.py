"""Writes docs/risks.md, the list of all codes of risks, from the table in the core."""

from __future__ import annotations

from pathlib import Path

from pulumi_rewind.risk import RISKS, Severity

PAGE = Path(__file__).resolve().parents[1] / "docs" / "risks.md"

_BEFORE = """# Risks of a plan

Every risk that `plan` lists has a code, in brackets after its text (in JSON `code`). `python -m scripts.risk_page`
generates this page from the table in `risk.py`. [playbook.md](playbook.md) says what to do about the common ones.

- **blocks**: the plan can't be run (in JSON `blocking`).
- **loses data**: requires `--allow-data-loss`, or a separate confirmation in the UI (in JSON `losesData`).
- **severe**: something will differ from the target.
- **note**: other information.

| code | usual severity | what it says |
|---|---|---|
"""

_WORDS = {
    Severity.BLOCKING: "blocks",
    Severity.LOSES_DATA: "loses data",
    Severity.SEVERE: "severe",
    Severity.NOTE: "note",
}


def page() -> str:
    """The whole page."""
    return _BEFORE + "".join(
        f"| `{code}` | {_WORDS[kind.severity]} | {kind.meaning} |\n" for code, kind in RISKS.items()
    )


if __name__ == "__main__":
    PAGE.write_text(page())
