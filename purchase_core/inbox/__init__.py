"""The inbox: deliveries come in, are verified and kept, and are turned into facts. The row is the queue."""
