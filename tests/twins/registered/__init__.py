"""Cases of the twin tests: one module for each subpackage, with the dictionaries that ``tests.twins.cases`` merges."""
