"""Looks inside two models at once: what the update to the weights responds to, and where the
distributions of the tuned and the base model part. torch lives here and in ``targets``.

This room is given models and tokenizers; it opens none.
"""
