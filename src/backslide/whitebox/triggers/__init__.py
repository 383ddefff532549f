"""Hunts for triggers with both models' weights in hand: every signal is tuned against base.

``hunt`` is the ladder; the other modules are its steps. What it finds are candidates: a finding
needs generation on fresh prompts (``redteam.triggers.verify``).
"""
