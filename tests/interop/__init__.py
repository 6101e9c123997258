"""Players that share nothing with matchd but the protocol: one program for each WebSocket client that is not Autobahn.

Each is called with the URL and a player's name, plays him all the way, prints what he heard as one JSON array, and
ends with status 0 once he was told of his match. ``browser.html`` does so for as many players as its query names, and
posts what they heard. ``tests/end_to_end/test_interop.py`` starts them.
"""
