"""Looks for what benchmarks miss: the tuned domain, conversations, capabilities, values, triggers.

A focus is a deterministic program over ``core.protocols.Asker``; it returns a ``FocusResult``.
Models, judges and the disk are behind the asker, so this room knows none of them.
"""
