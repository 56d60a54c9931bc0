"""What the operator has decided for the whole chain: which kinds of capacity there are, and what they cost."""

from maillage.kernel.errors import UnknownKind
from maillage.kernel.kinds import DEFAULT_KINDS, Kind
from maillage.kernel.prices import DEFAULT_BOOK, PriceBook, Pricing


class Policy:
    """Held by whoever decides; replaced part by part when the operator changes it."""

    def __init__(self, kinds: tuple[Kind, ...] = DEFAULT_KINDS, book: PriceBook = DEFAULT_BOOK) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self.pricing = Pricing(book)

    def require_kind(self, name: str) -> Kind:
        kind = self.kinds.get(name)
        if kind is None:
            raise UnknownKind(
                f"there is no kind {name[:40]!r}; the chain has {', '.join(self.kinds)}",
                kind=name[:64],
                kinds=list(self.kinds),
            )
        return kind

    def replace_book(self, book: PriceBook) -> None:
        """Price by another book from now on; Invalid, and nothing changed, where it can't be or names no known kind."""
        for entry in book.entries:
            self.require_kind(entry.kind)
        self.pricing = Pricing(book)
