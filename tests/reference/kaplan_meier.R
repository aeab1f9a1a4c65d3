# Kaplan-Meier curves, their quantiles, survival at given times, and reverse Kaplan-Meier.
# Run in this folder: Rscript kaplan_meier.R
source("ugly_data.R")
limits <- c("log-log", "log", "plain", "arcsin", "logit")
p <- c(0.1, 0.25, 0.5, 0.75, 0.9)

curve <- function(d, y, weights = NULL, cluster = NULL, ask = c(0, 1, 6.5, 28, 90)) {
  if (is.null(weights)) weights <- rep(1, nrow(d))
  fits <- lapply(limits, function(type) {
    if (is.null(cluster)) survfit(y ~ 1, weights = weights, conf.type = type)
    else survfit(y ~ 1, weights = weights, cluster = cluster, conf.type = type)
  })
  one <- fits[[1]]
  at <- summary(one, times = ask, extend = TRUE)
  at_risk <- sapply(ask, function(x) sum(weights[d$time >= x & started(d) < x]))
  list(
    time = one$time, at_risk = one$n.risk, events = one$n.event, censored = one$n.censor,
    survival = one$surv, std_error = summary(one, censored = TRUE)$std.err,
    limits = setNames(lapply(fits, function(f) {
      q <- quantile(f, p)
      list(lower = f$lower, upper = f$upper, quantile = numbers(q$quantile),
           quantile_lower = numbers(q$lower), quantile_upper = numbers(q$upper))
    }), limits),
    at = list(time = ask, survival = at$surv, std_error = at$std.err, at_risk = at_risk)
  )
}

case <- function(d, weights = NULL, cluster = NULL)
  list(data = c(as.list(d[c("time", "event", "entry")]),
                list(weight = weights, cluster = cluster)),
       curve = curve(d, response(d), weights, cluster))

d <- cohort(120, 1)
free <- empty_entry(d)
cases <- lapply(small, case)
cases$visits <- case(free)
cases$whole_weights <- case(free, d$whole)
cases$ipw <- case(free, d$ipw)
cases$clusters <- case(free, NULL, d$cluster)
cases$late <- case(d)
cases$late_whole_weights <- case(d, d$whole)
cases$late_ipw_clusters <- case(d, d$ipw, d$cluster)
reverse <- survfit(Surv(time, 1 - event) ~ 1, d, conf.type = "log-log")
q <- quantile(reverse, 0.5)
write_reference(list(
  p = p, cases = cases,
  reverse = list(data = as.list(free[c("time", "event")]), time = reverse$time,
                 survival = reverse$surv,
                 median = c(q$quantile, q$lower, q$upper))
), "kaplan_meier")
