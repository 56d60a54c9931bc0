"""Refusals of the registry; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class ProfileInUse(Refusal):
    """Devices in service have the profile, so it can't go; ``extra['devices']`` names the first of them."""

    slug = "profile-in-use"
    title = "Devices have this profile"
    category = Category.REFUSED
