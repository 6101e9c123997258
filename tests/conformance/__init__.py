"""The players' port against the cases of the Autobahn testsuite: ``python -m tests.conformance``."""
