"""Completion as bash, zsh and fish ask for it: their scripts, the line they hand over, and what they get back.

The mechanism is click's: the script starts the program with ``_PULUMI_REWIND_COMPLETE`` set. Each shell hands over the
line up to the cursor, unparsed, so that it doesn't matter what a shell takes for a word: bash ends one at ``:`` and
``=``.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
from typing import Any, ClassVar, Final, NamedTuple

import click
from click.shell_completion import CompletionItem, ShellComplete

from pulumi_rewind_tui.terminal.options import Shared
from pulumi_rewind_tui.text.cells import inert

VARIABLE: Final = "_PULUMI_REWIND_COMPLETE"
LINE: Final = "COMP_WORDS"
"""The environment variable with the line up to the cursor."""

WORD: Final = "COMP_CWORD"
"""That with the end of the line that bash will replace."""

OPEN: Final = "open"
"""The type of what can't stand alone (``NAME=``): no space comes after it."""

_BASH = """\
# pulumi-rewind completion for bash. In ~/.bashrc:  eval "$(pulumi-rewind completion bash)"
_pulumi_rewind_completion() {
    local program=$1 item response
    type -P "$program" >/dev/null || program=pulumi-rewind
    response=$(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="$2" _PULUMI_REWIND_COMPLETE=bash_complete \\
        "$program" </dev/null 2>/dev/null)
    COMPREPLY=()
    while IFS= read -r item; do
        case "$item" in
            dir,*) compopt -o dirnames 2>/dev/null ;;
            file,*) compopt -o default 2>/dev/null ;;
            open,*) compopt -o nospace 2>/dev/null; COMPREPLY+=("${item#*,}") ;;
            plain,*) COMPREPLY+=("${item#*,}") ;;
        esac
    done <<< "$response"
}
for _pulumi_rewind_name in pulumi-rewind pulumi-tool-rewind; do
    complete -o nosort -F _pulumi_rewind_completion "$_pulumi_rewind_name" 2>/dev/null ||
        complete -F _pulumi_rewind_completion "$_pulumi_rewind_name"
done
unset _pulumi_rewind_name
"""

_ZSH = """\
#compdef pulumi-rewind pulumi-tool-rewind
# pulumi-rewind completion for zsh. In ~/.zshrc:  eval "$(pulumi-rewind completion zsh)"
_pulumi_rewind_completion() {
    local program=${(Q)words[1]} kind value shown
    local -a response values texts open_values open_texts
    [[ -x $program ]] || (( $+commands[$program] )) || program=pulumi-rewind
    response=("${(@f)$(COMP_WORDS="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" _PULUMI_REWIND_COMPLETE=zsh_complete \\
        $program </dev/null 2>/dev/null)}")
    for kind value shown in $response; do
        case $kind in
            dir) [[ $PREFIX == --*=* ]] && compset -P '--*='; _path_files -/ ;;
            file) [[ $PREFIX == --*=* ]] && compset -P '--*='; _files ;;
            open) open_values+=("$value"); open_texts+=("$shown") ;;
            plain) values+=("$value"); texts+=("$shown") ;;
        esac
    done
    [[ -n $values ]] && compadd -l -V pulumi-rewind -d texts -a -- values
    [[ -n $open_values ]] && compadd -l -V pulumi-rewind-open -S '' -d open_texts -a -- open_values
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _pulumi_rewind_completion "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _pulumi_rewind_completion pulumi-rewind pulumi-tool-rewind
fi
"""

_FISH = """\
# pulumi-rewind completion for fish:
#   pulumi-rewind completion fish > ~/.config/fish/completions/pulumi-rewind.fish
function _pulumi_rewind_completion
    set -l program (commandline -opc)[1]
    type -q -- $program; or set program pulumi-rewind
    set -l line (commandline -cp | string collect)
    env COMP_WORDS=$line _PULUMI_REWIND_COMPLETE=fish_complete $program </dev/null 2>/dev/null | while read -l item
        set -l parts (string split -m 1 , -- $item)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case plain open
                printf '%s\\n' $parts[2]
        end
    end
end
for name in pulumi-rewind pulumi-tool-rewind
    complete --command $name --no-files --keep-order --arguments '(_pulumi_rewind_completion)'
end
"""


class Typed(NamedTuple):
    """A line up to the cursor."""

    words: list[str]
    """What is complete, without quotes, the program's name first."""
    last: str
    """What isn't: the word at the cursor, without quotes."""
    raw: str
    """The same as it was typed."""
    quote: str
    """The quote that is still open."""


def typed(line: str) -> Typed:
    """Splits a line as a POSIX shell does, accepting unfinished quotes; variables are not expanded."""
    words: list[str] = []
    last = raw = quote = ""
    inside = False
    chars = iter(line)
    for char in chars:
        if char.isspace() and not quote:
            if inside:
                words.append(os.path.expanduser(last) if raw.startswith("~") else last)  # noqa: PTH111 - text, not a path
            last, raw, inside = "", "", False
            continue
        raw, inside = raw + char, True
        if char == "\\" and quote != "'":
            following = next(chars, "")
            raw += following
            last += following if not quote or following in '"\\$`' else char + following
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        else:
            last += char
    return Typed(words, last, raw, quote)


class Shell(ShellComplete):
    """What is the same for all shells."""

    def source(self) -> str:
        """The script."""
        return self.source_template

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words after the program's name, and the one at the cursor."""
        self.line = typed(os.environ.get(LINE, ""))
        return self.line.words[1:], self.line.last

    def complete(self) -> str:
        """All that fits, one or more lines each."""
        found = self.get_completions(*self.get_completion_args())
        name, given, _ = self.line.last.partition("=")
        before = f"{name}=" if given and name.startswith("--") else ""  # click completes what comes after it
        self.items = [
            CompletionItem(before + item.value, item.type, inert((item.help or "").split("\n")[0]))
            for item in found
            if item.type in {"dir", "file"} or str(item.value).isprintable()
        ]
        return "".join(filter(None, map(self.format_completion, self.items)))


class Bash(Shell):
    """Bash replaces only what comes after the last ``:`` or ``=``, and takes what it gets as typed by the user."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _BASH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """``type,value``, quoted; empty where the value can't stand inside the open quote."""
        if item.type in {"dir", "file"}:
            return f"{item.type},\n"
        raw, quote, word = self.line.raw, self.line.quote, os.environ.get(WORD, "")
        if quote:
            fits = raw.startswith(quote) and not re.search(r"['\n]" if quote == "'" else r'["\\$`!\n]', item.value)
            return f"{item.type},{item.value}\n" if fits else ""
        kept = typed(raw.removesuffix(word)).last if raw.endswith(word) else ""
        left = item.value.removeprefix(kept)
        return f"{item.type}," + re.sub(r"([^\w@%+=:,./#-]|^#)", r"\\\1", left) + "\n"


class Zsh(Shell):
    """Zsh does its own quoting, and shows a description instead of each value."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = _ZSH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Type, value and text, a line each."""
        column = max(len(each.value) for each in self.items)
        text = f"{item.value.ljust(column)}  -- {item.help}" if item.help else item.value
        return f"{item.type}\n{item.value or '_'}\n{text or '_'}\n"


class Fish(Shell):
    """Fish does its own quoting, too."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = _FISH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """``type,value`` and the description after a tab."""
        return f"{item.type},{item.value}" + (f"\t{item.help}" if item.help else "") + "\n"


SHELLS: Final[dict[str, type[Shell]]] = {kind.name: kind for kind in (Bash, Zsh, Fish)}


def answer(command: click.Command, instruction: str, shared: Shared) -> int:
    """Answers a shell (``bash_complete``), or prints its script (``bash_source``); prints no errors.

    Completion must not print errors or ask questions while somebody types a command line.
    """
    gc.disable()
    os.environ.pop(VARIABLE, None)
    shell, _, what = instruction.partition("_")
    kind = SHELLS.get(shell)
    if kind is None or what not in {"source", "complete"}:
        return 1
    made = kind(command, {"obj": shared}, "pulumi-rewind", VARIABLE)
    text = ""
    with contextlib.suppress(Exception):
        if what == "complete":
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 0)
            os.dup2(nowhere, 2)
        text = made.source() if what == "source" else made.complete()
    sys.stdout.write(text)
    sys.stdout.flush()
    if shared.late:
        os._exit(0)  # else Python would wait for the threads that wait for the backend
    return 0
