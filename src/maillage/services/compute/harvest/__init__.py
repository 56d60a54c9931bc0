"""House first: how much of a store its own work needs, what is leased for it, and what can be sold beside it."""

QUANTILE = 0.9999
"""Share of hours in which the house gets all it needs at once, unless told otherwise: all but one of 10,000."""
