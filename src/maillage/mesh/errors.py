"""Refusals of the mesh's own."""

from maillage.kernel.errors import Category, Refusal


class EnrolmentRefused(Refusal):
    """An enrolment token is unknown, used, expired, or not for these sites."""

    slug = "enrolment-refused"
    title = "This token admits nobody"
    category = Category.FORBIDDEN
