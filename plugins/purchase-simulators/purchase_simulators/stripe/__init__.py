"""Stripe on the wire: the parts of its API that a billing runtime uses, with their states and refusals.

`simulator.py` is the whole of it without a server, `account.py` one account, `book.py` what it holds. What
each call does stands in the file of its noun; the objects, exactly as they go over the wire, in `objects/`.
What falls due by itself is planned in the book's agenda.

What the states are and when a call is refused comes from Stripe's API reference and its guides of the API
version in `versions.py`; each rule has a test that names its source.
"""
