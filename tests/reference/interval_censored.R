# Curves of interval-censored times: survfit of Surv(lower, upper, type = "interval2"), an EM that
# stops when no survival probability moves by 5e-5 any more.
source("ugly_data.R")
ask <- c(1, 2, 3, 6, 9, 12, 18, 24)
visits <- function(n, seed, missed = 0.2) {
  set.seed(seed)
  when <- c(1, 2, 3, 6, 9, 12, 18, 24)
  t(sapply(rexp(n, 0.15), function(relapse) {
    seen <- when[runif(length(when)) >= missed]
    c(max(0, seen[seen < relapse]), min(Inf, seen[seen >= relapse]))
  }))
}
continuous <- function(n, seed) {
  set.seed(seed)
  t(sapply(rexp(n, 0.15), function(relapse) {
    seen <- cumsum(rexp(8, 0.5))
    c(max(0, seen[seen < relapse]), min(Inf, seen[seen >= relapse]))
  }))
}
# What R's curve has in each interval; at an exact time its fall there.
in_interval <- function(f, bounds) {
  survival <- function(t) c(1, f$surv)[1 + findInterval(t + 1e-9, f$time)]
  lower <- ifelse(is.na(bounds[, 1]), -1, bounds[, 1])
  exact <- !is.na(bounds[, 2]) & bounds[, 2] == lower
  survival(lower - ifelse(exact, 1e-6, 0)) -
    ifelse(is.na(bounds[, 2]), 0, survival(ifelse(is.na(bounds[, 2]), 0, bounds[, 2])))
}
case <- function(bounds, weight = rep(1, nrow(bounds)), times = ask) {
  # R's interval2 writes what is not bounded as NA.
  bounds[is.infinite(bounds)] <- NA
  y <- Surv(bounds[, 1], bounds[, 2], type = "interval2")
  f <- survfit(y ~ 1, weights = weight)
  last <- max(bounds, na.rm = TRUE)
  times <- times[times <= last]
  list(data = list(lower = bounds[, 1], upper = bounds[, 2], weight = weight),
       time = times,
       survival = summary(f, times = times, extend = TRUE)$surv,
       jump = f$time[f$n.event > 1e-3], curve = f$surv[f$n.event > 1e-3],
       log_likelihood = sum(weight * log(in_interval(f, bounds))),
       median = unname(quantile(f, 0.5)$quantile))
}
bounds <- function(lower, upper) cbind(lower, upper)
mixed <- visits(80, 5)
mixed[seq(1, 80, 4), 1] <- mixed[seq(1, 80, 4), 2]
mixed[is.infinite(mixed[, 1]), 1] <- 24
left <- visits(60, 6)
left[left[, 1] == 0, 1] <- -Inf
write_reference(list(
  visits = case(visits(200, 1)), few = case(visits(22, 2)), none_missed = case(visits(60, 3, 0)),
  continuous = case(continuous(150, 4)), mixed = case(mixed), left = case(left),
  weighted = case(visits(100, 7), rep(1:4, 25) / 2),
  exact = case(bounds(c(1, 2, 2, 5, 7, 9), c(1, 2, Inf, 5, Inf, 9))),
  censored_last = case(bounds(c(0, 1, 1, 2, 5, 6, 3), c(2, 3, 2, Inf, 5, Inf, 6)))
), "interval_censored")
