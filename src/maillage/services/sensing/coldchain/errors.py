"""Refusals of the cold chain; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class AlarmState(Refusal):
    """The alarm is in a state from which this step can't be taken; ``extra['state']`` says which."""

    slug = "alarm-state"
    title = "The alarm is not in a state for this"
    category = Category.REFUSED
