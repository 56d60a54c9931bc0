"""The HTTP face: one ASGI application.

``gate`` stands in front (who is asking, how large, of what type); the two lease routes that must be fast are answered
right behind it (``hot``), everything else by Litestar (``routes``).
"""
