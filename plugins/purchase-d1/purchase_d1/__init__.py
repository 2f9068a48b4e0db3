"""Store of Purchase in a Cloudflare D1 database, over HTTP or a Worker's binding."""
