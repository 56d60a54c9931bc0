"""The HACCP log of a site: append-only, each entry bound to the one before it by a hash."""
