"""How well relapse is predicted in patients who were not fitted."""
