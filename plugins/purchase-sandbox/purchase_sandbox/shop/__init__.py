"""The demo shop: pricing page, checkout button, account page. An application like any other."""
