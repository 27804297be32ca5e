"""Google's data services on one machine, over the real wire."""
