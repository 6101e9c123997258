"""matchd as its users meet it: real processes on the loopback, and nothing made up but what game servers do wrong."""
