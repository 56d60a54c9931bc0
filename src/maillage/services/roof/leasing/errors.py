"""Refusals of roof leases; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class RoofLeaseState(Refusal):
    """The roof lease is in a state from which this step can't be taken, or it is not the time for it; ``state`` says
    in which it is, ``can`` what can be done from here and by whom."""

    slug = "roof-lease-state"
    title = "The roof lease is not in a state for this"
    category = Category.REFUSED


class PaperMissing(Refusal):
    """The step takes documents that are not attached to the roof lease; ``missing`` names their kinds."""

    slug = "roof-lease-paper-missing"
    title = "The roof lease lacks a document"
    category = Category.REFUSED


class MountTaken(Refusal):
    """Another roof lease has mounts for a part of the time; ``mounts`` names them, ``from`` and ``until`` say when."""

    slug = "mount-taken"
    title = "A mount is let to somebody else then"
    category = Category.REFUSED


class NetworkTaken(Refusal):
    """Another operator's roof lease names an address range that overlaps; ``network`` is the one of this request."""

    slug = "network-taken"
    title = "Another operator has these addresses"
    category = Category.REFUSED
