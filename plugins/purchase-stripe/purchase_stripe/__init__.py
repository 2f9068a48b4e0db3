"""Stripe for Purchase: the adapter. Importing this imports neither Stripe's SDK nor an HTTP client."""
