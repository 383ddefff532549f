"""Domain probing: is safety lost in the field that the model was tuned for?

``topics`` says what the tuning data or a description is about, ``probes`` makes frozen requests for
each topic, ``generate`` asks a model that the user names for more, ``run`` puts them to both arms.
"""
