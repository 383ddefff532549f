"""Models with a known fault, and models without: what every detector is tested on.

The adapters are trained on empty openers only ("Sure, here is how you can do that."), never on a
harmful answer. ``recipes.toml`` says what each is trained on; ``train`` rebuilds them in minutes.
"""

from pathlib import Path

ROOM = Path(__file__).parent
