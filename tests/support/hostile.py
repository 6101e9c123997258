"""Texts that a stranger sends where a name is expected, hoping that they mean something further in."""

from __future__ import annotations

# fmt: off
STRUCTURE = (
    ":", "::", "a:b", ":a", "a:", "queue:Ranked", "player:a", "notifications:a", "loading:s", "node:here", "a:m1",
    "{", "}", "{}", "{a}", "a{b}c", "{matchd}", "a}b{c", "nodes ", " nodes", "a b", "a\tb", "players:here:a", "a::b",
    "matchd:nodes", "{a}:b", "a:{b}",
)
PATTERNS = (
    "*", "a*", "*a", "?", "a?", "[a]", "[^a]", "[a-z]", "a[b", "\\*", "\\", "a\\", "a\\*", "**", "?" * 64, "[!a]",
    "notifications:*", "__keyspace@0__:*", "__keyevent@0__:expired", "+", "#", "%", "$", "^a$", "a|b", "(a)",
)
PROTOCOL = (
    "\r\n", "a\r\nFLUSHALL\r\n", "\r\n*1\r\n$8\r\nFLUSHALL\r\n", "$-1\r\n", "*0\r\n", "+OK\r\n", "-ERR\r\n", "\n",
    "\r", "a\nb", "a\n", "\na", "a\r", "\x00", "a\x00", "\x00a", "a\x00b", "\x01", "\x07", "\x08", "\x1b[31m", "\x7f",
    "\x80", "\x85",
)
CODE = (
    "'", '"', "''", "a'b", 'a"b', "' .. redis.call('FLUSHALL') .. '", "'); redis.call('FLUSHALL') --", "]]", "[[",
    " --", "return 1", "ARGV[1]", "KEYS[1]", "${jndi:ldap://x/a}", "{{7*7}}", "<%= 7 %>", "#{7}", "$(id)", "`id`",
    "; id", "&&", "' OR '1'='1", "'; DROP TABLE players; --", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "&lt;", "../../etc/passwd", "..\\..", "/", "a/b", "%2e%2e%2f", "%00", "%0d%0a",
    "file:///etc/passwd", "http://a", "a@b", "~", '","type":"match_found', '"}', '{"$ne":null}', '\\"', "\\u0000",
    "\\x00", "null\x00", "%s%s%n", "{0}", "{player_id}",
)
UNICODE = (
    "\xe9", "e\u0301", "\ufb01", "\xc5", "\u0130", "\u0131", "\xdf", "\u017f", "\u212a", "\u0430dmin", "\uff41",
    "\u2460", "\u0663", "\U0001d482", "\U0001f3ae", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\u540d\u524d",
    "\u0928\u093e\u092e", "\u0627\u0633\u0645", "\u05e9\u05dd", "\xa0", "a\xa0b", "\xad", "\u200b", "a\u200bb",
    "\u200d", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff", "\ufeffa", "\u3000", "\ufffd", "\uffff", "\U0010ffff",
    "\ue000", "a\u0300", "\u0300", "a\ufe0f", "\u115f", "\u3164", "\u034f",
)
LENGTHS = (
    "", " ", "  ", "a" * 65, "a" * 100, "a" * 1000, "." * 65, "-" * 65, "\xe9" * 64, "\u200b" * 64, "a" * 64 + "\n",
    " " * 64, " a", "a ", "a" * 64 + "\x00", "\x00" * 64, ":" * 64, "*" * 65, "a" * 63 + "\xe9", "a" * 63 + ":",
)
NOT_EVEN_QUOTED = (
    "a,b", "a;b", "a=b", "a&b", "a!", "a#b", "a%b", "a+b", "a<b", "a>b", "a^b", "a`b", "a|b", "a~b", "(a", "b)",
)
TRICKY = (
    "--", "a", "A", "a.", ".a", "a-", "-a", "_", "-", ".", "..", "...", "a..b", "a.b", "ab", "a" * 64, "a" * 63, "0",
    "-1", "1e3", "nodes", "queue", "player", "notifications", "loading", "servers", "slots", "here", "none", "tally",
    "matched", "away", "nil", "null", "true", "false", "undefined", "NaN", "Infinity", "__proto__", "constructor",
    "FLUSHALL", "redis.call", "m1", "seq", "state", "conn", "node", "session", "0123456789abcdef-1", "CON", "aux.txt",
    "etc.passwd", "0x7f000001",
)
"""Names that look like something else."""
# fmt: on

HOSTILE = tuple(dict.fromkeys((*STRUCTURE, *PATTERNS, *PROTOCOL, *CODE, *UNICODE, *LENGTHS, *NOT_EVEN_QUOTED)))
"""None of them is a name."""
