# Cumulative hazards, both tie rules.
source("ugly_data.R")
one <- function(d, weights = NULL) {
  if (is.null(weights)) weights <- rep(1, nrow(d))
  y <- response(d)
  list(data = c(as.list(d[c("time", "event", "entry")]), list(weight = weights)),
       ties = lapply(c(aalen = 1, "fleming-harrington" = 2), function(ctype) {
         f <- survfit(y ~ 1, weights = weights, ctype = ctype, robust = FALSE)
         list(hazard = f$cumhaz, std_error = f$std.chaz)
       }))
}
d <- cohort(120, 2)
cases <- lapply(small, one)
cases$visits <- one(empty_entry(d))
cases$late <- one(d)
cases$whole_weights <- one(d, d$whole)
write_reference(cases, "nelson_aalen")
