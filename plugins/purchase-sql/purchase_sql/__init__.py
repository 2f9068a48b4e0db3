"""Tables, statements and migrations shared by the SQL stores of Purchase; no engine, no driver."""
