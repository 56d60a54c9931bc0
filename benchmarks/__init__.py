"""Maillage measured against what one would use instead of it. Run by ``./maillage bench``; the method, the figures and
what they led to are in docs/explanation/performance.md."""
