"""The runtime that is always at hand: WebAssembly in this very process, by the library of the same name.

The library is imported when code is first looked at or started, not before.
"""
