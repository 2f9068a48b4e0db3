"""The catalog: what is sold, in code. Pure values, checked as a whole."""
