"""Several ways to end: cumulative incidence, Gray's test, and models of one cause."""
