"""The registry: which devices the stores have, and what those of one make and use have in common."""
