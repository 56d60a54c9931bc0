"""The records that processes share, in an SQLite file or in PostgreSQL: what the operator decided, who has access,
and what the hubs of a mesh must not forget.

Heavy to import (SQLAlchemy): whoever does not open records should not import it.
"""
