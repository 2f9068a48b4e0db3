"""What simulators of every provider share: time, chaos, idempotency keys, webhooks and a server."""
