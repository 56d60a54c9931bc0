"""Siting: which few of many places are best, by maximal covering or p-median; it knows nothing of radio."""
