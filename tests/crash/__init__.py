"""The server is killed at random under load and started again; nothing acknowledged may be lost, nothing done twice."""
