"""The command line: it starts servers as processes and talks to them over HTTP, it imports none of them."""
