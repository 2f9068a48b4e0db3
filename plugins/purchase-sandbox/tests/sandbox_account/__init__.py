"""Tests of a sandbox's account, which needs no server."""
