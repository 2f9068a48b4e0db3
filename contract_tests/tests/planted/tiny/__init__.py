"""A tiny provider in one process: an account that answers requests, its adapter, and a bench for both."""
