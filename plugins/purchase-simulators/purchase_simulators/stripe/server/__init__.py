"""Stripe over HTTP: its API, its hosted pages, and a control panel for programs."""
