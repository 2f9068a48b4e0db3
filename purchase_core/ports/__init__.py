"""The ports: what a store, a provider and a router promise. Plugins implement them."""
