"""Cox's model: a hazard ratio for each covariate."""
