"""Texts of the statements, one module a database. Made by `python -m purchase_sql.generate`."""
