# Schoenfeld's formula written out, event probabilities by integrate(), and power by log-rank tests
# of one small study (survdiff) at the dates that the tests give.
source("ugly_data.R")
events <- function(hr, power, alpha, r) {
  p <- r / (1 + r)
  (qnorm(1 - alpha / 2) + qnorm(power))^2 / (p * (1 - p) * log(hr)^2)
}
seen <- function(rates, breaks, hr, follow_up, accrual, dropout) {
  edges <- c(0, breaks)
  H <- Vectorize(function(t) sum(rates * pmax(pmin(t, c(breaks, Inf)) - edges, 0)))
  f <- function(t) hr * rates[findInterval(t, edges)] * exp(-hr * H(t) - dropout * t) *
    (if (accrual > 0) pmin(1, (follow_up + accrual - t) / accrual) else 1)
  cuts <- sort(unique(c(0, follow_up, follow_up + accrual, breaks[breaks < follow_up + accrual])))
  sum(mapply(function(a, b) if (b > a) integrate(f, a, b, rel.tol = 1e-12)$value else 0,
             head(cuts, -1), tail(cuts, -1)))
}
formula_cases <- expand.grid(hr = c(0.4, 0.7, 1.5), power = c(0.7, 0.9), alpha = c(0.01, 0.05),
                             r = c(1, 2, 0.5))
formula_cases$events <- with(formula_cases, mapply(events, hr, power, alpha, r))
designs <- list(
  list(rates = 0.15, breaks = NULL, hr = 1, follow_up = 24, accrual = 0, dropout = 0),
  list(rates = 0.15, breaks = NULL, hr = 0.6, follow_up = 12, accrual = 18, dropout = 0.01),
  list(rates = c(0.3, 0.1, 0.02), breaks = c(2, 7), hr = 0.7, follow_up = 5, accrual = 6, dropout = 0),
  list(rates = c(0.3, 0.1), breaks = 40, hr = 2, follow_up = 24, accrual = 10, dropout = 0.05)
)
designs <- lapply(designs, function(d) c(d, list(seen = do.call(seen, d))))
d <- cohort(60, 9)
tied <- survdiff(Surv(time, event) ~ I(group == "b"), d)
write_reference(list(formula = as.list(formula_cases), designs = designs,
                     log_rank = list(time = d$time, event = d$event, treated = as.numeric(d$group == "b"),
                                     statistic = tied$chisq)), "planning")
