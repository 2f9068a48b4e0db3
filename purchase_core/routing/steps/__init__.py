"""The steps of a decision: one a file, each a pure function over the sheet."""
