"""Refusals that have to do with roofs as a whole; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class NoRoofsHere(Refusal):
    """Roofs are let for the whole chain: at its hub, or at the chain itself where one process owns all its stores."""

    slug = "no-roofs-here"
    title = "This server lets no roofs"
    category = Category.MISSING
