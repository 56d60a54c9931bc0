"""Signing in with tokens of an OpenID Connect issuer: which tokens hold, and whom they stand for."""
