"""Rollout: what a catalog needs at each provider, and what it takes to bring a provider there. Pure."""
