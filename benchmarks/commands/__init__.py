"""The command lines: one file for each command, with ``add_options(parser)`` and ``run(args) -> exit code``.

A module here imports what it computes with inside ``run``, so that its help page needs none of it.
"""
