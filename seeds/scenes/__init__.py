"""Scenes of the simulated day: what a trader does with each thing that the exchange can do, one subject a module.

They are played between the rounds of the day's agents, in the books of the night (`seeds.night`), by companies that
also trade the day. A scene finds these books empty but for the market maker's quotes, and leaves them so. It goes
through the public interface, waits for every answer before it goes on, and fails loudly where the exchange does not do
what the scene is about. What really happened is counted from the exchange's log afterwards (`seeds.usage`).
"""
