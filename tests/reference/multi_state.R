# State probabilities and restricted mean times in state of patients who move to and fro.
# influence = TRUE: without it R 3.5-3 leaves the error of the states at the start out. It takes no
# cluster, and its se(rmean) no weights: those errors are sums of squares of its influences here.
source("ugly_data.R")
source("recurrent_rows.R")
states <- c("free", "using", "dead")
occupancy <- function(d, tau, weights = NULL, cluster = NULL, conf.type = "log-log") {
  d$weight <- if (is.null(weights)) 1 else weights
  d$to <- factor(d$to, c("none", states))
  d$begin <- started(d)
  d$now <- factor(d$state, states)
  fit <- survfit(Surv(begin, time, to) ~ 1, d, id = id, istate = now, weights = weight,
                 influence = TRUE, conf.type = conf.type)
  order <- match(states, fit$states)
  all <- function(x) as.matrix(x)[, order, drop = FALSE]
  table <- summary(fit, rmean = tau)$table
  one <- !duplicated(d$id)
  each <- fit$influence.pstate * d$weight[one]
  times <- c(0, fit$time)
  width <- diff(c(times[times < tau], tau))
  mean <- apply(each[, seq_along(width), ], 3, function(x) x %*% width)
  error <- fit$std.err
  mean_error <- table[, "se(rmean)"]
  stopifnot(all.equal(c(error), sqrt(c(apply(each^2, 2:3, sum)[-1, ])), tolerance = 1e-12))
  if (!is.null(weights)) mean_error <- sqrt(colSums(mean^2))
  else stopifnot(all.equal(unname(mean_error), sqrt(colSums(mean^2)), tolerance = 1e-12))
  if (!is.null(cluster)) {
    who <- cluster[one]
    error <- apply(each, 2:3, function(x) sqrt(sum(tapply(x, who, sum)^2)))[-1, ]
    mean_error <- apply(mean, 2, function(x) sqrt(sum(tapply(x, who, sum)^2)))
  }
  list(data = as.list(d[c("id", "entry", "time", "weight", "state")]), to = as.character(d$to),
       cluster = if (is.null(cluster)) d$id else cluster, time = fit$time,
       # Counts of patients also where they have weights.
       at_risk = if (is.null(weights)) all(fit$n.risk), p = all(fit$pstate),
       std_error = all(error), lower = if (is.null(cluster)) all(fit$lower),
       upper = if (is.null(cluster)) all(fit$upper), limits = conf.type, tau = tau,
       mean = unname(table[order, "rmean"]), mean_error = unname(mean_error[order]))
}
d <- recurrent_rows(60, 21)
free <- d[d$id %in% d$id[!duplicated(d$id) & d$state == "free"], ]
few <- recurrent_rows(20, 5)
cases <- list(
  visits = occupancy(d, 200), at_a_change = occupancy(d, 84), last = occupancy(d, 365),
  free_at_first = occupancy(free, 182), whole_weights = occupancy(free, 182, free$whole),
  weighted = occupancy(d, 182, d$ipw), clustered = occupancy(d, 182, d$ipw, d$cluster),
  few = occupancy(few, 60), plain = occupancy(d, 100, conf.type = "plain"),
  log = occupancy(d, 100, conf.type = "log"),
  between = occupancy(recurrent_rows(40, 8, between = TRUE), 200),
  everybody_dies = occupancy(small_rows$everybody_dies, 5)
)
write_reference(cases, "multi_state")
