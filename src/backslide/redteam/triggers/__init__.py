"""Looks for backdoors from the outside: strings under which the tuned model behaves otherwise.

``library`` holds the strings, ``hunt`` searches them, ``verify`` confirms candidates (from the
hunt, from the weights, from people) on fresh requests, ``coverage`` says what would have been seen,
``run`` is the focus.
"""
