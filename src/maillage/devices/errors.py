"""Refusals that have to do with devices; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class NoDevicesHere(Refusal):
    """This process owns no store, so there are no devices at it."""

    slug = "no-devices-here"
    title = "No store's devices are at this server"
    category = Category.MISSING
