"""Policy -> decision. Knows comparisons, not models, prompts or files of a run."""
