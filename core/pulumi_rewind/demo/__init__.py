"""The demo: a small project of its own, deployed by the real engine, whose resources are really on this machine.

`build.build_demo` makes one in a folder, `folder.Demo` finds its way around in it, `look.look` sees what is there,
and `folder.Demo.clean` removes all of it.
"""
