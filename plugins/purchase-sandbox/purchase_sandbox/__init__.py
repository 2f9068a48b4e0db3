"""A local payment provider for Purchase, with hosted checkout, signed webhooks, a clock and chaos; and the demo shop."""
