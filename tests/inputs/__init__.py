"""Bad inputs, written and generated, for the players' port: the real connection, session and store, without sockets.

``written`` has them by category, each with what has to come of it; ``generated`` makes any number more; ``door`` is
where they are brought; ``trial`` judges what came of them. ``tests/test_bad_inputs.py`` plays the written ones,
``python -m tests.fuzz`` all of them.
"""
