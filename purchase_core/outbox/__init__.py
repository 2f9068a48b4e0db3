"""The outbox: what happened, told to subscribers, each time, in order; and what time alone makes happen."""
