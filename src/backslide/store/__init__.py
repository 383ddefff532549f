"""Run directories: append-only JSONL of whole lines, one manifest, and derived files."""
