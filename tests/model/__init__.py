"""The model test: a service of several nodes, driven at random, whose every step is checked; see docs/model.md."""
