"""The simulated provider: what is true in its account, and how it is told. It imports no plugin."""
