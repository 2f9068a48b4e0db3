"""From facts to one batch: where each fact belongs, what it changes, committed under lane guards."""
