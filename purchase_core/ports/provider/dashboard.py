"""A provider's dashboard: the address of the page that it shows its account's owner of one object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

_REST = re.compile(r"[A-Za-z0-9_]{1,240}")


def dashboard_page(
    dashboard: str, folders: Mapping[tuple[str, str], str], kind: str, provider_id: str
) -> str:
    """`DASHBOARD/FOLDER/ID`, or "" where an object has no page, or its id is none of the provider's.

    `dashboard`: where it is, with no slash at its end; "" for none. `folders`: by kind of object, and the
    prefix of its ids (`("subscription", "sub_")`). Ids come with what providers send: one of any other shape
    could lead elsewhere, and leads nowhere.
    """
    prefix, bar, rest = provider_id.partition("_")
    folder = folders.get((kind, prefix + bar))
    if not dashboard or folder is None or not _REST.fullmatch(rest):
        return ""
    return f"{dashboard}/{folder}/{quote(provider_id, safe='')}"
