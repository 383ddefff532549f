"""Runs the red team: asks both models through one asker, keeps every answer, shares the time."""
