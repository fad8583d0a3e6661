"""Checks of the house itself; none of it is installed with the package."""
