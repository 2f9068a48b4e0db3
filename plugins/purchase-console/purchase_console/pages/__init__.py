"""The pages of the console, one module each, in the order of the navigation."""

from purchase_console.page import Page

from . import inbox, overview

PAGES: tuple[Page, ...] = (overview.PAGE, inbox.PAGE)
