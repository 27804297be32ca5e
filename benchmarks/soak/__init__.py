"""The soak: a bridge that is killed, cut off and refused for minutes, and a ledger of every message."""
