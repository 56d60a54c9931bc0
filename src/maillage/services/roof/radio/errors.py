"""Refusals of the radio planning; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class RainLibraryMissing(Refusal):
    """Rain was asked for, and the library that knows it is not installed here."""

    slug = "rain-library-missing"
    title = "The library for rain is not installed"
    category = Category.UNAVAILABLE
