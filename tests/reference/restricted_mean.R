# Restricted means with their standard errors.
source("ugly_data.R")
mean_to <- function(d, tau, weights = NULL, robust = FALSE) {
  if (is.null(weights)) weights <- rep(1, nrow(d))
  y <- response(d)
  t <- summary(survfit(y ~ 1, weights = weights, robust = robust), rmean = tau)$table
  list(data = c(as.list(d[c("time", "event", "entry")]), list(weight = weights)), tau = tau,
       estimate = t[["rmean"]], std_error = t[["se(rmean)"]])
}
d <- cohort(120, 6)
cases <- list(
  visits = mean_to(empty_entry(d), 200), at_an_event = mean_to(empty_entry(d), 84),
  last = mean_to(empty_entry(d), 365), late = mean_to(d, 182),
  whole_weights = mean_to(d, 300, d$whole),
  # The curve's error is robust then, that of its mean is not.
  weighted = mean_to(empty_entry(d), 300, d$ipw, robust = TRUE), continuous = mean_to(small$continuous, 100),
  everybody = mean_to(small$everybody, 28), day_zero = mean_to(small$day_zero, 91)
)
write_reference(cases, "restricted_mean")
