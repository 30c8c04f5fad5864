"""``pulumi-rewind record``: keeps updates as git objects, checks them, and drops old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import UsageError
from pulumi_rewind.records.parts import NOT_HERE
from pulumi_rewind_tui.terminal.options import Shared, offering, rewind_command, stack_of, to_json
from pulumi_rewind_tui.text.record import damage_lines, written_json, written_lines
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.records.store import Records, Written
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.terminal.writer import Screen


LISTED = 8
"""How many numbers of records a note lists."""


@rewind_command("[STACK]")
@click.option("--all", "everything", is_flag=True, help="Record all updates that have no record yet.")
@click.option("--prune", is_flag=True, help="Drop the records that rewind.toml does not keep (keep, keep_days).")
@click.option(
    "--verify", is_flag=True, help="Record nothing; check that all records are intact, and where they come from."
)
@click.option(
    "--trust",
    metavar="N|all",
    help="Record nothing; trust a record that was not made here, as it is now.",
    shell_complete=offering("record"),
)
@click.option(
    "--distrust", metavar="N|all", help="Record nothing; no longer trust a record.", shell_complete=offering("record")
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def record(
    shared: Shared,
    words: tuple[str, ...],
    everything: bool,
    prune: bool,
    verify: bool,
    trust: str | None,
    distrust: str | None,
    as_json: bool,
) -> int | None:
    """Record the newest update of the stack as git objects, under refs/pulumi-rewind/PROJECT/STACK/NUMBER.

    A record keeps what a rollback needs if the backend's history, the branch or the uncommitted changes are lost.
    Existing records stay as they are, so that a CI step can run this after each deploy: `git fetch`,
    `pulumi-rewind record`, `git push`. It does not change the working tree, the branch or the index.
    """
    if verify and (everything or prune):
        raise UsageError("--verify cannot be combined with --all or --prune", hint="Run them one after the other.")
    if sum((everything or prune, verify, trust is not None, distrust is not None)) > 1:
        raise UsageError(
            "--trust and --distrust cannot be combined with other options", hint="Run them one after the other."
        )
    session = shared.session(stack_of(words))
    screen = shared.screen()
    records = _records(session)
    if verify:
        return _verify(session, records, screen, as_json=as_json)
    if trust is not None:
        _trust(session, records, trust, screen, as_json=as_json)
        return None
    if distrust is not None:
        _distrust(records, distrust, screen, as_json=as_json)
        return None
    written = _write(session, screen, everything=everything, quiet=as_json)
    dropped: tuple[int, ...] = ()
    if prune:
        from pulumi_rewind.records import retention

        dropped = retention.prune(session, records)
    if as_json:
        screen.out.raw(
            to_json(
                {
                    "stack": str(session.stack),
                    "recorded": [written_json(item) for item in written],
                    "pruned": list(dropped),
                }
            )
        )
    else:
        _tell_kept(session, records, screen, written, dropped, everything=everything)
    return None


def _records(session: Session) -> Records:
    from pulumi_rewind.rollback.recording import needed_records

    return needed_records(session)


def _write(session: Session, screen: Screen, *, everything: bool, quiet: bool) -> list[Written]:
    """Writes the records and shows the progress."""
    from pulumi_rewind.rollback.recording import record_all, record_update

    newest = len(session.timeline)
    if newest == 0:
        return []
    done: list[Written] = []
    for written in record_all(session) if everything else [record_update(session, newest)]:
        done.append(written)
        if not quiet and (written.new or not everything):
            screen.out.lines(written_lines(written))
    return done


def _tell_kept(
    session: Session,
    records: Records,
    screen: Screen,
    written: list[Written],
    dropped: tuple[int, ...],
    *,
    everything: bool,
) -> None:
    from pulumi_rewind.records.retention import kept_numbers

    if not len(session.timeline):
        screen.out.line(f"{session.stack} has no updates yet: deploy it once with `pulumi up`")
        return
    if everything:
        new = sum(item.new for item in written)
        screen.out.line(f"{plural(new, 'record')} written, {len(written) - new} already recorded")
    if dropped:
        names = ", ".join(f"#{number}" for number in dropped)
        screen.out.line(f"dropped {plural(len(dropped), 'record')}: {names}")
    refs = records.refs()
    numbers = records.claims(refs).keys()
    if others := sorted(refs.keys() - numbers):
        named = ", ".join(f"#{number}" for number in others[:LISTED]) + (" …" if len(others) > LISTED else "")
        screen.err.line(
            f"note: {plural(len(others), 'record')} {'was' if len(others) == 1 else 'were'} {NOT_HERE} and not used "
            f"({named}): check them with --verify, then --trust all"
        )
    surplus = len(numbers) - len(kept_numbers(session, numbers))
    if surplus:
        screen.err.line(f"note: {plural(surplus, 'record')} more than rewind.toml keeps: --prune drops them")


def _trust(session: Session, records: Records, name: str, screen: Screen, *, as_json: bool) -> None:
    """Trusts foreign records and prints what they contain."""
    from pulumi_rewind.records.foreign import agree

    found = agree(records, name, session.timeline)
    if as_json:
        screen.out.raw(to_json({"used": [{"version": one.number, "commit": one.commit} for one in found]}))
        return
    used = [
        f"trusted from now on: the record of #{one.number}, commit {one.commit[:12]}; {one.contents}" for one in found
    ]
    screen.out.lines([[text] for text in used or ["nothing to trust: all readable records are already trusted"]])


def _distrust(records: Records, name: str, screen: Screen, *, as_json: bool) -> None:
    """Stops trusting records."""
    from pulumi_rewind.records.foreign import take_back

    numbers = take_back(records, name)
    if as_json:
        screen.out.raw(to_json({"notUsed": list(numbers)}))
        return
    unused = [f"no longer trusted: the record of #{number}" for number in numbers]
    screen.out.lines([[text] for text in unused or ["nothing to undo: the record was not trusted"]])


def _verify(session: Session, records: Records, screen: Screen, *, as_json: bool) -> int | None:
    from pulumi_rewind.records.verify import verify_records

    found = list(verify_records(records, session.timeline))
    checked = len(records.numbers())
    if as_json:
        listed = {
            name: [
                {"version": item.number, "ref": item.ref, "message": item.message}
                for item in found
                if item.foreign is foreign
            ]
            for name, foreign in (("damaged", False), ("foreign", True))
        }
        screen.out.raw(to_json({"stack": str(session.stack), "checked": checked, **listed}))
    else:
        screen.out.lines(damage_lines(found, checked))
        if any(item.foreign for item in found):
            screen.err.line(
                "hint: `git show REF` and `pulumi-rewind diff` show more; `--trust N` (or `--trust all`) uses what was "
                f"{NOT_HERE}, `git update-ref -d REF` removes it"
            )
        if not all(item.foreign for item in found):
            screen.err.line(
                "hint: `git update-ref -d REF` removes a damaged record; then `git fetch` may get an intact one, or "
                "`pulumi-rewind record --all` writes it again from the backend"
            )
    return 1 if found else None
