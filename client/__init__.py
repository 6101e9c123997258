"""The test client: ``python -m client`` plays the whole flow; ``client.match_client`` is for tests and tools."""
