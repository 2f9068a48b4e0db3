"""Importing: who the customers at a provider are here, and what their prices stand for. Pure."""
