"""A client for those who rent: ``Client(server, key)`` speaks the HTTP API, and knows nothing else of Maillage."""

from maillage.client.connection import Client, Problem, Unreachable
from maillage.client.verbs import Answer, Verbs

__all__ = ["Answer", "Client", "Problem", "Unreachable", "Verbs"]
