"""Opens the two models and the attacker when they are first needed, and watches what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backslide.core.errors import UsageError
from backslide.core.protocols import Target
from backslide.store.redteam import changed_model

Opener = Callable[[], Target]


class Arms:
    """The models of one red-team run.

    Args:
        openers: by ``base``, ``tuned`` and, where the user named one, ``attacker``.
        fingerprints: what each must be, by the same names; models that are not in it are new.
        one_at_a_time: close a model before another is opened, where both do not fit into memory.
    """

    def __init__(
        self,
        openers: Mapping[str, Opener],
        fingerprints: Mapping[str, Mapping[str, str]],
        *,
        one_at_a_time: bool = False,
    ) -> None:
        self._openers = openers
        self._prints = fingerprints
        self._one = one_at_a_time
        self._open: dict[str, Target] = {}

    @property
    def has_attacker(self) -> bool:
        return "attacker" in self._openers

    def get(self, name: str) -> Target:
        """The open target.

        Raises:
            UsageError: no such model was named.
            StoreError: the model behind the name is not the one that this run began with.
        """
        if name in self._open:
            return self._open[name]
        if name not in self._openers:
            raise UsageError(
                "no attacker was named",
                hint="--attacker MODEL names the model that writes the attacks",
            )
        if self._one:
            self.close()
        target = self._openers[name]()
        expected = self._prints.get(name)
        if expected is not None and dict(expected) != dict(target.fingerprint()):
            target.close()
            raise changed_model(target.spec, "RUN/redteam")
        self._open[name] = target
        return target

    def close(self) -> None:
        """Close whatever is open."""
        for target in self._open.values():
            target.close()
        self._open.clear()
