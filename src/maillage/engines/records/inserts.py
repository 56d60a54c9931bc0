"""Inserts that mind what is there already. Both databases have the same clause; SQLAlchemy has it once for each."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_new(connection: sa.Connection, table: sa.Table) -> sa.Insert:
    """Leaves a row that is there, by whatever unique column, as it is; ``rowcount`` says whether there was none."""
    return _insert(connection, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def insert_or_replace(
    connection: sa.Connection, table: sa.Table, key: str, *others: str, where: sa.ColumnElement[bool] | None = None
) -> sa.Insert:
    """Replaces the named columns of the row that has this key (columns with blanks between), unless it is one that does
    not fit ``where``; ``rowcount`` says whether anything was written."""
    insert = _insert(connection, table)
    values = {name: insert.excluded[name] for name in others}
    written = insert.on_conflict_do_update(index_elements=key.split(), set_=values, where=where)
    return written.execution_options(preserve_rowcount=True)


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
