# Cumulative incidence by Aalen-Johansen, its errors and limits; Gray's test.
# Run in this folder: Rscript competing_risks.R (needs cmprsk and etm)
source("ugly_data.R")
suppressPackageStartupMessages({library(cmprsk); library(etm)})
limits <- c("log-log", "log", "plain", "arcsin", "logit")

# Some events become deaths (code 2), and in the large cohort a third cause.
competing <- function(d, third = FALSE) {
  n <- sum(d$event)
  code <- rep_len(if (third) c(1, 2, 1, 3, 2, 1, 1) else c(1, 2, 1, 1, 2), n)
  d$event[d$event == 1] <- code
  d
}
states <- function(d) factor(d$event, 0:max(1, d$event))
multi <- function(d) if (all(is.na(d$entry))) Surv(d$time, states(d)) else
  Surv(started(d), d$time, states(d))

curve <- function(d, weights = NULL, cluster = NULL, causes = 1:max(1, d$event)) {
  if (is.null(weights)) weights <- rep(1, nrow(d))
  rows <- seq_len(nrow(d))
  f <- survfit(multi(d) ~ 1, weights = weights, id = rows, influence = TRUE)
  # This version of survfit takes its errors over `id` even where `cluster` is given.
  if (!is.null(cluster)) {
    moved <- apply(f$influence.pstate * weights, 2:3, rowsum, cluster)
    f$std.err <- sqrt(apply(moved^2, 2:3, sum))[-1, ]
  }
  fits <- lapply(limits, function(type)
    survival:::survfit_confint(f$pstate, f$std.err, FALSE, type, 0.95))
  column <- function(m, k) matrix(m, length(f$time))[, match(k, f$states)]
  list(time = f$time, at_risk = column(f$n.risk, "(s0)"), censored = f$n.censor[seq_along(f$time)],
       event_free = column(f$pstate, "(s0)"),
       causes = setNames(lapply(causes, function(k) list(
         events = column(f$n.event, k), incidence = column(f$pstate, k),
         std_error = column(f$std.err, k),
         limits = setNames(lapply(fits, function(one)
           list(lower = column(one$lower, k), upper = column(one$upper, k))), limits)
       )), causes))
}

greenwood <- function(d) {
  d$status <- as.numeric(d$event > 0); d$start <- started(d)
  # etm leaves out events at time 0.
  d$time <- d$time + 2; d$start <- d$start + 2
  fit <- etmCIF(Surv(start, time, status) ~ 1, data = d, etype = event)[[1]]
  causes <- sort(unique(d$event[d$event > 0]))
  list(time = fit$time - 2, std_error = setNames(lapply(causes, function(k)
    sqrt(trprob_variance(fit, k))), causes))
}
trprob_variance <- function(fit, k) summary(fit)[[paste("0", k)]]$var

case <- function(d, weights = NULL, cluster = NULL, etm = FALSE)
  list(data = c(as.list(d[c("time", "event", "entry")]), list(weight = weights, cluster = cluster)),
       curve = curve(d, weights, cluster), greenwood = if (etm) greenwood(d))

# survfit knows no states without an event, and etm no cohort without one.
d <- competing(cohort(120, 1), third = TRUE)
free <- empty_entry(d)
with_events <- Filter(function(x) sum(x$event) > 1, small)
cases <- lapply(with_events, function(x) case(competing(x)))
cases$visits <- case(free, etm = TRUE)
cases$whole_weights <- case(free, d$whole)
cases$ipw <- case(free, d$ipw)
cases$clusters <- case(free, NULL, d$cluster)
cases$late <- case(d, etm = TRUE)
cases$late_whole_weights <- case(d, d$whole)
cases$late_ipw_clusters <- case(d, d$ipw, d$cluster)

gray <- function(d, group, strata = NULL, rho = 0) {
  strata <- if (is.null(strata)) rep(1, nrow(d)) else strata
  tests <- cuminc(d$time, d$event, group, strata = strata, rho = rho)$Tests
  list(data = c(as.list(d[c("time", "event", "entry")]), list(group = group, strata = strata)),
       rho = rho, causes = as.numeric(rownames(tests)), statistic = tests[, "stat"],
       p_value = tests[, "pv"], df = tests[, "df"])
}
pair <- free[free$group != "c", ]
set.seed(5)
smooth <- competing(continuous(80, 9))
smooth$group <- sample(c("x", "y", "z"), 80, TRUE)
write_reference(list(
  cases = cases,
  gray = list(
    three = gray(free, free$group), two = gray(pair, pair$group),
    strata = gray(free, free$group, free$stratum), rho = gray(free, free$group, rho = 1),
    both = gray(pair, pair$group, pair$stratum, rho = -0.5),
    continuous = gray(smooth, smooth$group)
  )
), "competing_risks")
