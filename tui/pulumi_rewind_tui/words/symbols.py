"""The symbols of the screens; every one goes with a word, colour is extra."""

from __future__ import annotations

from collections.abc import Mapping

UNICODE: Mapping[str, str] = {
    "create": "+",
    "update": "~",
    "delete": "-",
    "replace": "±",
    "rename": "»",
    "return": "«",
    "discard": "○",
    "hold": "◇",
    "same": "=",
    "import": "↥",
    "read": "·",
    "secret": "●●●",
    "unknown": "?",
    "hazard": "⚠",
    "protected": "[P]",
    "dirty": "*",
    "ok": "✓",
    "failed": "✗",
    "running": "◐",
    "waiting": "·",
    "interrupted": "!",
    "star": "★",
    "live": "●",
    "rollback": "↺",
    "arrow": "→",
    "open": "▾",
    "closed": "▸",
    "cursor": "❯",
    "base": "◆",
    "ellipsis": "…",
    "rule": "─",
    "bar": "│",
}

ASCII: Mapping[str, str] = {
    **UNICODE,
    "replace": "+-",
    "rename": ">",
    "return": "<",
    "discard": "f",
    "hold": "h",
    "import": "i",
    "read": ".",
    "secret": "***",
    "hazard": "!!",
    "ok": "ok",
    "failed": "x",
    "running": "o",
    "waiting": ".",
    "star": "[good]",
    "live": "@",
    "rollback": "<-",
    "arrow": "->",
    "open": "v",
    "closed": ">",
    "cursor": ">",
    "base": "=",
    "ellipsis": "...",
    "rule": "-",
    "bar": "|",
}

TO_ASCII: Mapping[int, str] = str.maketrans(
    {
        "±": "+-", "●": "@", "⚠": "!!", "✓": "v", "✗": "x", "◐": "o", "·": ".", "★": "^", "↺": "<-",
        "»": ">", "→": "->", "…": "...", "│": "|", "├": "|", "└": "`", "─": "-", "«": "<", "○": "f", "◇": "h",
        "↥": "i", "▾": "v", "▸": ">", "❯": ">", "◆": "=", "—": "-", "⏎": "\\n", "⇥": "\\t", "‹": "<", "›": ">",
    }
    | dict.fromkeys(map(chr, range(0x2400, 0x2422)), "?")
)  # fmt: skip
"""What a text that is printed has in place of other characters."""

ONE_CELL: Mapping[int, str] = str.maketrans(
    dict(zip("±●⚠✓✗◐·★↺»→…«○◇↥▾▸❯◆⏎⇥‹›←↑↓•✔—", "~@!vxo.^<>>~<fhiv>>=~><><^v.v-", strict=True))
    | dict.fromkeys(map(chr, range(0x2400, 0x2422)), "?")
    | dict.fromkeys("─━═╌▁▔▂▃▄▀▅▆▇", "-")
    | dict.fromkeys("│┃║▌▐▎▏▕▊", "|")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝", "+")
    | dict.fromkeys("█▓▒░■", "#")
    | {"🔎": "/ "}
)
"""The same where columns are aligned already, frames and scroll bars included: one character for one."""

_ORDER = ("replace", "create", "update", "delete", "hold", "discard", "return", "rename", "import", "read")
KINDS: Mapping[str, str] = {
    "refresh": "update",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read-replacement": "replace",
    "import-replacement": "replace",
    "delete-old": "delete",
    "discard-replaced": "discard",
    "remove-pending-replace": "delete",
    "read-discard": "discard",
}
"""Which operation another one counts as and looks like: its symbol and its role."""

_PARTS = frozenset({"delete-replaced", "discard-replaced", "remove-pending-replace"})
"""Parts of a replacement that are not counted by themselves."""


def symbols(ascii_only: bool) -> Mapping[str, str]:
    """The set for a terminal that has Unicode, or the fallback."""
    return ASCII if ascii_only else UNICODE


def canonical_changes(changes: Mapping[str, int]) -> dict[str, int]:
    """The engine's counts under the handful of words that are shown, in their order.

    A replacement is counted once: the engine counts it as ``replace`` and again by its parts.
    """
    counts: dict[str, int] = dict.fromkeys(_ORDER, 0)
    for op, number in changes.items():
        if op in _PARTS or (op == "create-replacement" and changes.get("replace")):
            continue
        name = KINDS.get(op, op)
        if name in counts:
            counts[name] += number
    return {op: number for op, number in counts.items() if number}


def counts_text(changes: Mapping[str, int], ascii_only: bool = False) -> str:
    """Counts with their symbols: ``±1 +1 ~2 -1``; empty if nothing changed."""
    table = symbols(ascii_only)
    return " ".join(f"{table[op]}{number}" for op, number in canonical_changes(changes).items())
