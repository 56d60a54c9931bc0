"""Carrying what compute has to say between hubs and nodes: instances and their code to the stores, statuses back."""
