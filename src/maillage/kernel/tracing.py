"""What a piece of work is done for, carried along with it: the gate sets it, logs and the audit name it."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being answered; empty outside of one."""
