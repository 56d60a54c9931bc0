"""Tenancy: who may ask, with what proof, how much and how often; who did what; and telling tenants what happened.

It knows the kernel's words and none of the faces: HTTP's headers and status codes stay up there.
"""
