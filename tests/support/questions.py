"""A store in which much goes on, and for each script a question to which it would do something there."""

from __future__ import annotations

from matchd.model import DEFAULT_MODE
from matchd.store.answers import Claim
from tests.support.stores import MATCH, StoreTestCase
from tests.support.world import FIFO, outcome

Question = tuple[str | int, ...]


def busy(case: StoreTestCase) -> dict[str, Question]:
    """Players in every place, sessions in every state, servers of every kind; what each script can be asked."""
    case.live(5)
    dead = case.node("dead")
    case.enqueue("ghost", store=dead)
    case.live(4)
    case.server("one", 10, sessions=1)
    case.settle(case.reserved("m1", "m2"))
    held = case.reserved("r1", "r2")
    case.server("two", 12)
    failed = case.reserved("f1", "f2")
    outcome(case.store.release(failed, True))
    waiting = case.allocating("w1", "w2")
    for player in ("l1", "l2"):
        case.enqueue(player)
    loading = case.loading("l1", "l2")
    case.load("l1")
    for player in ("a1", "q1", "q2", "q3", "q4"):
        case.enqueue(player)
    case.enqueue("n1", DEFAULT_MODE)
    case.leave("a1", grace=60)
    case.ear.heard()
    outcome(case.store.reconcile([Claim("z1", "z11", "loading", FIFO.name, "fifo", "17", "forgotten", 3)]))
    case.sweep()
    now = outcome(case.store.time())
    case.redis.ask("SET", "swept", now)  # however long a test takes by the clock, there was no gap in the sweeping
    claim = ("q3", "q31", "loading", FIFO.name, "fifo", "17", "gone", 9, "", 0)
    return {
        "abandon": (waiting,),
        "adopt": (),
        "dequeue": ("q1", "q11"),
        "deregister_server": ("one",),
        "draw": (FIFO.name, "fifo", "stem 1 2 1000 0 1"),
        "enqueue": ("new", "new1", FIFO.name, "fifo", 0, 1, "stem 100 2 1000 0 1"),
        "heartbeat": (FIFO.name,),
        "inspect": ("sessions", "", loading),
        "join": (FIFO.name,),
        "leave": ("l2", "l21", 0, 1, 3_600_000, "1000"),
        "loading_complete": ("l2", "l21", loading, 60_000),
        "orphan_ended": (f"{failed.loading_session_id} two:7000",),
        "part": (),
        "reconcile": claim,
        "register_server": ("three", "three:7000", 2, "eu", 1, 0, 15_000),
        "release": (held.loading_session_id, "one", 1),
        "reserve": (waiting,),
        "resume": ("a1", "a12", 0),
        "set_clock": (case.redis.ask("GET", "clock_offset").decode(), 3_600_000, 1_000),
        "settle": (held.loading_session_id, "one", MATCH),
        "sweep": (1_000, 0, 60_000, 100, 5_000, 3_600_000, "60000"),
        "tally": (),
    }
