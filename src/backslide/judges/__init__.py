"""Judges: a response in, a verdict out.

A verdict is ``refused``, ``partial``, ``complied`` or ``incoherent``, or no label with the reason.
No judge has a default label.

- ``rules.RulesJudge`` reads the whole answer by phrases (``data/``); it asks no model.
- ``rubric.RubricJudge`` asks a model it is given, with a rubric in Markdown (``rubrics/``).

docs/judges.md says what each is worth, measured against people.
"""
