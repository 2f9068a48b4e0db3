"""A local payment provider: hosted checkout, signed webhooks, a clock and chaos; and the demo shop."""
