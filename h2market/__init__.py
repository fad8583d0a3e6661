"""h2market: the command line and the assembled application of the hydrogen trading platform."""

__version__ = "0.1.0"
