"""How much a store is asked for at once."""

PAGE_ROWS_MAX = 1_000
