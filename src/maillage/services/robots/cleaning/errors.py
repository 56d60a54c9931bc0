"""Refusals of cleanings; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class CleaningState(Refusal):
    """The cleaning is in a state from which this step can't be taken; ``extra['state']`` names it."""

    slug = "cleaning-state"
    title = "The cleaning is not in a state for this"
    category = Category.REFUSED


class FloorInUse(Refusal):
    """Schedules or cleanings that have not ended are for this floor; ``extra`` names them."""

    slug = "floor-in-use"
    title = "The floor is wanted by schedules or cleanings"
    category = Category.REFUSED
