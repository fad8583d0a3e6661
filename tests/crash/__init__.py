"""The server is killed under load, again and again, and everything it acknowledged must still be there."""
