from pathlib import Path
def sub(path, *pairs):
    p = Path(path); t = p.read_text()
    for a, b in pairs:
        assert t.count(a) == 1, (path, a, t.count(a))
        t = t.replace(a, b)
    p.write_text(t)
sub("core/pulumi_rewind/backends/cloud_client.py",
('''        """What it means that there was no answer; a service that is only slow isn't asked again, which would take minutes."""''',
'''        """What it means that there was no answer; to ask a service again that is only slow would take minutes."""'''))
sub("core/pulumi_rewind/backends/cloud_login.py",
('TOKEN: Final = "PULUMI_ACCESS_TOKEN"','TOKEN: Final = "PULUMI_ACCESS_TOKEN"  # noqa: S105 - a variable\'s name'),
('''    if own and (token := environ.get(TOKEN, "").strip()):
        return Login(token, TOKEN, insecure)
    token = account''','''    if own and (given := environ.get(TOKEN, "").strip()):
        return Login(given, TOKEN, insecure)
    token = account'''))
sub("core/pulumi_rewind/state/locks.py",('''            return "wait for it; if its process was killed, it ends by itself within minutes; `pulumi cancel` ends it at once"''',
'''            return "wait for it; if it was killed, the service ends it within minutes, and `pulumi cancel` at once"'''))
sub("core/pulumi_rewind/backends/cloud_history.py",
('''        for rows in at_once([lambda page=page: self._read(page) for page in pages]):
            self._take(rows)
''','''        for rows in at_once(self._read, pages):
            self._take(rows)
'''))
t=Path("core/pulumi_rewind/backends/cloud_history.py").read_text()
a=t.index("def at_once"); b=t.index("def _update(")
t=t[:a]+'''def at_once(read: Callable[[int], list[_Row]], pages: Sequence[int]) -> list[list[_Row]]:
    """Some pages, read at the same time; the first error of one is raised.

    The threads are no reason to wait at a Ctrl-C.
    """
    if len(pages) == 1:
        return [read(pages[0])]
    done: dict[int, list[_Row]] = {}
    errors: list[Exception] = []

    def work(page: int) -> None:
        try:
            done[page] = read(page)
        except Exception as err:  # noqa: BLE001 - raised again below
            errors.append(err)

    threads = [threading.Thread(target=work, args=(page,), name="cloud", daemon=True) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [done[page] for page in pages]


'''+t[b:]
Path("core/pulumi_rewind/backends/cloud_history.py").write_text(t)
