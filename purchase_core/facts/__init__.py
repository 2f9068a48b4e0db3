"""What happened: facts, the fold that joins them, and the rows that the fold projects."""
