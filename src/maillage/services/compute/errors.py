"""Refusals of compute; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class CodeFault(Refusal):
    """A tenant's code trapped, ran out of fuel, memory or time, or answered what can't be an answer; ``extra`` has
    ``instance`` and ``fault``: trap, fuel, memory, time, answer, exit."""

    slug = "code-fault"
    title = "The app failed at this request"
    category = Category.UNAVAILABLE


class Busy(Refusal):
    """As many requests as the lease's size admits run and wait already."""

    slug = "app-busy"
    title = "The app has its hands full"
    category = Category.LIMITED


class NoInstance(Refusal):
    """The app has no healthy instance within reach."""

    slug = "no-instance"
    title = "No instance of the app can answer"
    category = Category.UNAVAILABLE


class CodeRefused(Refusal):
    """What was uploaded can't run here; ``extra['fault']`` is a short word for why."""

    slug = "code-refused"
    title = "This code can't run here"
    category = Category.INVALID


class InUse(Refusal):
    """Something still stands on it; ``extra`` says what."""

    slug = "in-use"
    title = "It is still in use"
    category = Category.REFUSED


class RevisionStale(Refusal):
    """Somebody else changed the deployment meanwhile."""

    slug = "revision-stale"
    title = "The deployment was changed by somebody else"
    category = Category.REFUSED


class CodeTooLarge(Refusal):
    """More bytes came than are taken for code of that kind; ``extra['most']`` says how many are."""

    slug = "code-too-large"
    title = "There is too much of this code"
    category = Category.TOO_LARGE


class CatalogueFull(Refusal):
    """The tenant keeps as many apps, versions or bytes as one may; ``extra`` has ``of`` (which of them) and
    ``most``."""

    slug = "catalogue-full"
    title = "This tenant keeps as much code as it may"
    category = Category.REFUSED


class BodyTooLarge(Refusal):
    """A request's body has more bytes than the instance takes; ``extra['most']`` says how many it does."""

    slug = "body-too-large"
    title = "The app takes no body of this size"
    category = Category.TOO_LARGE


class SessionElsewhere(Refusal):
    """Another hub keeps the session: it alone moves it and lets its requests through; ``extra['hub']`` names it."""

    slug = "session-elsewhere"
    title = "Another hub keeps this session"
    category = Category.UNAVAILABLE


class NoCodeHere(Refusal):
    """This process runs no tenants' code."""

    slug = "no-code-here"
    title = "No code runs at this server"
    category = Category.MISSING
