# Survival given that a time was reached: start.time a little later, for R keeps relapses at it.
source("ugly_data.R")
case <- function(d, given, ask, weights = rep(1, nrow(d)), cluster = NULL) {
  y <- response(d)
  f <- if (is.null(cluster))
    survfit(y ~ 1, weights = weights, start.time = given + 1e-3, conf.type = "log-log")
  else survfit(y ~ 1, weights = weights, cluster = cluster, start.time = given + 1e-3,
               conf.type = "log-log")
  at <- summary(f, times = ask)
  list(data = c(as.list(d[c("time", "event", "entry")]),
                list(weight = weights, cluster = cluster)),
       given = given, time = ask, survival = at$surv, std_error = at$std.err,
       lower = at$lower, upper = at$upper)
}
d <- cohort(120, 5)
free <- empty_entry(d)
ask <- c(56, 84, 182)
write_reference(list(
  visits = case(free, 28, ask), between_visits = case(free, 30, ask), zero = case(free, 0, ask),
  whole_weights = case(free, 14, ask, d$whole), ipw = case(free, 14, ask, d$ipw),
  clusters = case(free, 14, ask, cluster = d$cluster), late = case(d, 28, ask),
  continuous = case(small$continuous, 31.4, c(40, 60, 100))
), "conditional_survival")
