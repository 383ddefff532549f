"""Models under test: our own engine, remote models through Inspect, replayed and scripted answers.

``spec`` parses what a user names; the other modules are imported only when a spec needs them.
"""
