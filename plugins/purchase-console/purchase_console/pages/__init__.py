"""The pages of the console, one module each, in the order of the navigation."""

from purchase_console.page import Page

from . import catalog, customers, doctor, inbox, overview, receipts, routing, runs

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    inbox.PAGE,
    customers.PAGE,
    receipts.PAGE,
    routing.PAGE,
    catalog.PAGE,
    runs.PAGE,
    doctor.PAGE,
)
