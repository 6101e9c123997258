"""``python -m bench.abuse``: what honest players notice while somebody abuses the players' port, and what it costs."""
