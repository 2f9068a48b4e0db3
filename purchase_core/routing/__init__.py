"""Routers: which connection takes a checkout. Pure; every decision can be explained and run again."""
