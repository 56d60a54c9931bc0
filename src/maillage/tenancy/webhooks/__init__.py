"""Telling tenants what happened: signed requests to the addresses that they registered.

Events go from the feed into an outbox in the records, with the position up to which the feed was read, in one
transaction; workers take turns at the outbox and send. What was entered is sent at least once, always by the same id.
Requests and signatures are those of Standard Webhooks, so that receivers can verify them with its libraries.
"""
