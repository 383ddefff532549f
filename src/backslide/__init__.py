"""backslide: did the fine-tune make this model less safe, and may it be deployed?"""

__version__ = "0.1.0"
