"""Roofs of the demo: an operator of mobile networks finds the best of a city and leases them."""
