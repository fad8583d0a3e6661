"""The web console: what the market looks like in a browser."""
