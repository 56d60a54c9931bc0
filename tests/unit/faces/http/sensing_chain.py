"""A chain that has to do with its stores' devices, for the tests of their routes."""

from functools import partial

from maillage.bootstrap import LocalChain

open_with_devices = partial(LocalChain, database_url="", devices=True)
"""Opens one in a folder, with a clock."""
