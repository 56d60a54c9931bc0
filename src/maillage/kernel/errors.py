"""Every way in which the kernel says no, each with what was wrong, where, and what would work.

A refusal is a domain fact: it knows nothing of HTTP or of a terminal. The faces show ``title``, ``detail`` and
``extra`` as they stand, and turn ``category`` into a status or an exit code.
"""

from enum import Enum
from typing import Any, ClassVar


class Category(Enum):
    """What sort of no it is; each face maps the sort, never the single error."""

    MALFORMED = "malformed"  # the bytes could not be read at all
    INVALID = "invalid"  # readable, but not something that can be asked
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    TOO_LARGE = "too-large"  # more bytes than are taken
    REFUSED = "refused"  # a right ask that can't be met now
    LIMITED = "limited"  # a right ask that came too soon after others
    UNAVAILABLE = "unavailable"  # our fault; the same ask may work in a moment


class Refusal(Exception):
    """Base of all refusals.

    ``detail`` says what was wrong and what would work, in a sentence; ``extra`` holds the same as data.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    category: ClassVar[Category]

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class Malformed(Refusal):
    """The text is not JSON, CSV or GeoJSON, or not UTF-8."""

    slug = "malformed"
    title = "The request could not be read"
    category = Category.MALFORMED


class Invalid(Refusal):
    """A value is of the wrong type, out of range, or unknown; ``extra['field']`` names it."""

    slug = "invalid"
    title = "The request asks for something that can't be"
    category = Category.INVALID

    def __init__(self, field: str, problem: str, **extra: Any) -> None:
        super().__init__(f"{field}: {problem}", field=field, **extra)


class UnknownKind(Refusal):
    """The chain has no such kind of capacity."""

    slug = "unknown-kind"
    title = "No such kind of capacity"
    category = Category.INVALID


class UnknownSite(Refusal):
    """An ask names a site that the chain does not have."""

    slug = "unknown-site"
    title = "The ask names a site that does not exist"
    category = Category.INVALID


class KeyReused(Refusal):
    """An idempotency key was granted before, for another body."""

    slug = "idempotency-key-reused"
    title = "This idempotency key was used for another request"
    category = Category.INVALID


class KeyVoid(Refusal):
    """The idempotency key was made void at this site: its ask went elsewhere after an answer had been lost."""

    slug = "idempotency-key-void"
    title = "This idempotency key counts no more here"
    category = Category.REFUSED


class NotAllowed(Refusal):
    """The caller's role does not include this."""

    slug = "not-allowed"
    title = "This key may not do that"
    category = Category.FORBIDDEN


class NotFound(Refusal):
    """What the address names does not exist, or is not the caller's."""

    slug = "not-found"
    title = "There is nothing here"
    category = Category.MISSING


class NoCapacity(Refusal):
    """No site in question can grant the whole ask; ``extra['reasons']`` says why, per kind."""

    slug = "no-capacity"
    title = "There is no room for this ask"
    category = Category.REFUSED


class NoticeTooShort(Refusal):
    """A firm ask would displace spot leases sooner than their notice allows."""

    slug = "notice-too-short"
    title = "Spot leases stand there and must be given notice first"
    category = Category.REFUSED


class PriceAboveCap(Refusal):
    """The price is above the ask's ``max_price``."""

    slug = "price-above-cap"
    title = "The price is above the ask's cap"
    category = Category.REFUSED


class LeaseState(Refusal):
    """The lease is in a state from which this step can't be taken."""

    slug = "lease-state"
    title = "The lease is no longer in a state for this"
    category = Category.REFUSED


class QuotaExceeded(Refusal):
    """The tenant would have more of a kind leased at some instant than its quota allows; ``extra`` has ``kind``,
    ``quota``, ``in_use`` and ``asked``."""

    slug = "quota-exceeded"
    title = "The tenant's quota does not allow that much"
    category = Category.REFUSED


class PoolInUse(Refusal):
    """A smaller size or a narrower calendar would break leases that were granted."""

    slug = "pool-in-use"
    title = "Leases stand in the way"
    category = Category.REFUSED


class AlreadyExists(Refusal):
    """Something of that name exists with other properties."""

    slug = "already-exists"
    title = "This name is taken"
    category = Category.REFUSED


class TooManyRequests(Refusal):
    """A key, or an address whose credentials keep being wrong, asks more often than it may; ``extra['retry_after_s']``
    says when to come back."""

    slug = "too-many-requests"
    title = "That is too often"
    category = Category.LIMITED

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)


class SiteUnreachable(Refusal):
    """The site's own computer can't be reached now. What was asked may or may not have been done: the same ask with the
    same idempotency key finds out."""

    slug = "site-unreachable"
    title = "The store is out of reach"
    category = Category.UNAVAILABLE


class TooManyWebhooks(Refusal):
    """The tenant has as many webhooks as one may have."""

    slug = "too-many-webhooks"
    title = "This tenant has enough webhooks"
    category = Category.REFUSED


class WebhookDisabled(Refusal):
    """The webhook is disabled: nothing is sent to it; ``extra['reason']`` says why."""

    slug = "webhook-disabled"
    title = "The webhook is disabled"
    category = Category.REFUSED


class NoMasterSecret(Refusal):
    """The server was not given the secret that the webhooks' secrets are derived from."""

    slug = "no-master-secret"
    title = "The server has no secret to sign webhooks with"
    category = Category.UNAVAILABLE


class JournalUnavailable(Refusal):
    """The journal could not make a batch durable; nothing of it was kept."""

    slug = "journal-unavailable"
    title = "The journal could not be written"
    category = Category.UNAVAILABLE


class AuditUnavailable(Refusal):
    """What was asked for was done, but could not be entered in the audit."""

    slug = "audit-unavailable"
    title = "The audit could not be written"
    category = Category.UNAVAILABLE


class IssuerUnavailable(Refusal):
    """The issuer of tokens does not answer, so its keys are not known and no token can be checked."""

    slug = "issuer-unavailable"
    title = "The issuer of the token can't be reached"
    category = Category.UNAVAILABLE


class RecordsUnavailable(Refusal):
    """The database of tenants, keys and the mesh can't be reached or can't be used; a change may or may not be kept."""

    slug = "records-unavailable"
    title = "The records could not be reached"
    category = Category.UNAVAILABLE


class NotReady(Refusal):
    """Something that serving rests on does not work; ``extra['checks']`` says what was looked at, and what was
    found."""

    slug = "not-ready"
    title = "This server is not ready"
    category = Category.UNAVAILABLE


def all_refusals() -> list[type[Refusal]]:
    """Every kind of refusal, in order of slug, for the catalogue that the faces publish."""
    found: list[type[Refusal]] = []
    waiting = list(Refusal.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        found.append(kind)
    return sorted(found, key=lambda kind: kind.slug)
