"""The demo: a shop, the sandbox provider and a database file, with webhooks over HTTP between them."""
