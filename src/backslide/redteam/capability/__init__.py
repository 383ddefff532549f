"""Capability checks: did the tune give the model habits or knowledge that it should not have?

Four behaviours are tested (``hierarchy``, ``leakage``, ``eagerness``, ``persuasion``), and
knowledge in the areas for which the user supplies multiple-choice files.
``docs/redteam/capability.md`` says what each can and cannot show. The focus is ``run.run`` over a
``plan.CapabilityPlan``; ``questions.read_area`` makes an area of the rows of a file.
"""
