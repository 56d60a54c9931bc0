"""Rent: what a roof lease costs over its years, exact to the cent, and what the chain has to come."""
