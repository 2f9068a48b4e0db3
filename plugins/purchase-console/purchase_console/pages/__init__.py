"""The pages of the console, one module each, in the order of the navigation."""

from purchase_console.page import Page

from . import (
    cases,
    catalog,
    customers,
    doctor,
    importing,
    inbox,
    overview,
    quarantine,
    rebuild,
    receipts,
    replay,
    routing,
    runs,
)

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    inbox.PAGE,
    quarantine.PAGE,
    cases.PAGE,
    customers.PAGE,
    receipts.PAGE,
    routing.PAGE,
    catalog.PAGE,
    runs.PAGE,
    replay.PAGE,
    rebuild.PAGE,
    importing.PAGE,
    doctor.PAGE,
)
