"""The tables under an application's prefix, for its own tools: Alembic's autogenerate, joins, reports.

    target_metadata = [Base.metadata, purchase_metadata("billing_")]

Needs the extra `schema`.
"""

from __future__ import annotations

import sqlalchemy as sa

from purchase_sql import schema
from purchase_sql.prefix import with_prefix


def purchase_metadata(prefix: str = "", *, into: sa.MetaData | None = None) -> sa.MetaData:
    """A copy of every table, index and constraint with the prefix in its name. Raises InvalidArgument.

    `into` is a metadata to add them to; otherwise they get one of their own.
    """
    copied = into if into is not None else sa.MetaData()
    for table in schema.metadata.sorted_tables:
        copy = table.to_metadata(copied, name=with_prefix(table.name, prefix))
        named: list[sa.Constraint | sa.Index] = [*copy.constraints, *copy.indexes]
        for part in named:
            if part.name is not None:
                part.name = with_prefix(str(part.name), prefix)
    return copied
