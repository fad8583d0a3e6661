"""The market as it happens: a WebSocket for data and orders, and server-sent events."""
