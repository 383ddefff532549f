"""Paired verdicts of two arms -> comparisons: one per question, each with its evidence."""
