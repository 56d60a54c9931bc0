"""The independent checker of a data folder: reads the journal from its first event and says what can't be right.

It shares no code with the kernel and uses plainer algorithms (lists of leases, sorted edges), so that a mistake in
one is not repeated in the other. Only the standard library is imported; docs/reference/journal.md is its specification.
"""

from maillage.verify.checker import check, check_rows
from maillage.verify.report import Fault, FaultKind, Report

__all__ = ["Fault", "FaultKind", "Report", "check", "check_rows"]
