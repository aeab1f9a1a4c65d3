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
# Robust by R's own rule: weights that are not whole, or clusters.
robust <- function(d, weights = rep(1, nrow(d)), cluster = NULL) {
  y <- response(d)
  list(data = c(as.list(d[c("time", "event", "entry")]), list(weight = weights)),
       cluster = cluster,
       ties = lapply(c(aalen = 1, "fleming-harrington" = 2), function(ctype) {
         f <- if (is.null(cluster)) survfit(y ~ 1, weights = weights, ctype = ctype)
              else survfit(y ~ 1, weights = weights, cluster = cluster, ctype = ctype)
         list(hazard = f$cumhaz, std_error = f$std.chaz)
       }))
}
cases$late_weighted <- robust(d, d$ipw)
cases$late_clusters <- robust(d, cluster = seq_len(nrow(d)) %/% 3)
d <- empty_entry(d)
cases$weighted <- robust(d, d$ipw)
cases$clusters <- robust(d, cluster = d$cluster)
cases$weighted_clusters <- robust(d, d$ipw, d$cluster)
write_reference(cases, "nelson_aalen")
