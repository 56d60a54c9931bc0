"""What the operator has decided for the whole chain: which kinds of capacity there are, what they cost, and how much
of them a tenant may have."""

from collections.abc import Mapping

from maillage.kernel.errors import UnknownKind
from maillage.kernel.kinds import DEFAULT_KINDS, Kind
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook, Pricing


class Policy:
    """Held by whoever decides; replaced part by part when the operator changes it."""

    def __init__(self, kinds: tuple[Kind, ...] = DEFAULT_KINDS, book: PriceBook = DEFAULT_BOOK) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self.pricing = Pricing(book)
        self.quotas: Mapping[str, Mapping[str, int]] = {}
        """The most thousandths of a kind that a tenant may have leased at any instant, by tenant and kind."""

    def require_kind(self, name: str) -> Kind:
        kind = self.kinds.get(name)
        if kind is None:
            raise UnknownKind(
                f"there is no kind {name[:40]!r}; the chain has {', '.join(self.kinds)}",
                kind=name[:64],
                kinds=list(self.kinds),
            )
        return kind

    def require_book(self, book: PriceBook) -> Pricing:
        """The book made ready to be asked; Invalid where it can't be, UnknownKind where it names a kind that is not."""
        for entry in book.entries:
            self.require_kind(entry.kind)
        return Pricing(book)

    def replace_book(self, book: PriceBook) -> None:
        """Price by another book from now on; where it is refused nothing has changed."""
        self.pricing = self.require_book(book)
