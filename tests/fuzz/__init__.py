"""Generated bad inputs, as many as one likes: ``python -m tests.fuzz``."""
