"""Stripe's objects as they go over the wire. Fields that nothing here ever fills are constants."""
