"""Simulators of payment providers on the wire: real HTTP, real shapes, no money, no pytest."""
