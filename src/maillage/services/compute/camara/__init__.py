"""CAMARA's edge APIs in terms of this chain: a zone is a store, what runs there stands on a lease."""
