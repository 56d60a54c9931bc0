"""The heads of the logs, in memory: where the next entry of each site goes."""

from maillage.services.sensing.coldchain.haccp.entry import FIRST, Draft, Entry, entered


class Heads:
    """``heads`` is (seq, hash) of the last entry of each site that has one. A site has one owner, so nobody else
    writes its log."""

    def __init__(self, heads: dict[str, tuple[int, str]] | None = None) -> None:
        self._heads = dict(heads or {})

    def enter(self, site: str, draft: Draft) -> Entry:
        """The draft as the next entry of the site's log."""
        seq, previous = self._heads.get(site, (0, FIRST))
        entry = entered(draft, site, seq + 1, previous)
        self._heads[site] = (entry.seq, entry.hash)
        return entry

    def head(self, site: str) -> tuple[int, str]:
        return self._heads.get(site, (0, FIRST))

    def sites(self) -> list[str]:
        return sorted(self._heads)
