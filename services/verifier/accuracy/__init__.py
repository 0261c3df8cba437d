"""How often the rule checkers are right: labelled texts in, precision and recall of violations out (`rlmr constraints eval`)."""
