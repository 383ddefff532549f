"""The only place where the rooms meet: plan, collect, judge, decide; interrupted and resumed."""
