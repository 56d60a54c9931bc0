"""Maillage: the mesh of a chain's stores as one market of leasable capacity."""

__version__ = "0.1.0"
