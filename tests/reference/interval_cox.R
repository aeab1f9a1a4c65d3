# Proportional hazards of interval-censored times where everybody is seen at every visit: given that
# a patient is free at a visit, whether they are at the next is a binary outcome whose complementary
# log-log is the log hazard of the period plus the linear predictor.
source("ugly_data.R")
strict <- glm.control(epsilon = 1e-15, maxit = 100)
grouped <- function(n, seed, weight = rep(1, n)) {
  set.seed(seed)
  when <- c(1, 2, 3, 6, 9, 12)
  dose <- round(rnorm(n, 15, 6), 1)
  arm <- sample(c("taper", "usual", "advice"), n, TRUE)
  relapse <- rexp(n, 0.06 * exp(0.05 * dose - 0.6 * (arm == "taper")))
  last <- sample(length(when), n, TRUE, prob = c(1, 1, 1, 2, 3, 8))
  at <- findInterval(relapse, when, left.open = TRUE) + 1
  event <- at <= last
  bound <- c(0, when)
  list(lower = ifelse(event, bound[pmin(at, 6)], bound[last + 1]),
       upper = ifelse(event, bound[pmin(at, 6) + 1], NA),
       dose = dose, arm = arm, weight = weight, site = rep(c("a", "b"), length.out = n))
}
periods <- function(d) {
  when <- c(1, 2, 3, 6, 9, 12)
  do.call(rbind, lapply(seq_along(d$lower), function(i) {
    event <- !is.na(d$upper[i])
    seen <- which(when <= if (event) d$upper[i] else d$lower[i])
    if (length(seen) == 0) return(NULL)
    data.frame(y = as.numeric(event & seen == max(seen)), period = seen, dose = d$dose[i],
               arm = d$arm[i], weight = d$weight[i], site = d$site[i])
  }))
}
case <- function(d, formula, null, terms, strata = FALSE) {
  rows <- periods(d)
  rows$period <- if (strata) interaction(rows$period, rows$site, drop = TRUE) else factor(rows$period)
  fit <- suppressWarnings(glm(formula, binomial("cloglog"), rows, weights = weight, control = strict))
  base <- suppressWarnings(glm(null, binomial("cloglog"), rows, weights = weight, control = strict))
  # The information that a GLM works out is the expected one: the observed one by differences.
  found <- coef(fit)
  x <- model.matrix(fit)
  y <- rows$y
  eta <- drop(x %*% found)
  hazard <- exp(eta)
  odds <- 1 / expm1(hazard)
  bend <- ifelse(y == 1, hazard * odds - hazard^2 * odds * (1 + odds), -hazard)
  variance <- solve(-t(x) %*% (x * bend * rows$weight))
  list(data = d, coef = numbers(found[terms]), std_error = numbers(sqrt(diag(variance))[terms]),
       covariance = unname(as.matrix(variance[terms, terms])),
       loglik = c(as.numeric(sum(rows$weight * ifelse(base$y == 1, log(base$fitted), log1p(-base$fitted)))),
                  as.numeric(sum(rows$weight * ifelse(fit$y == 1, log(fit$fitted), log1p(-fit$fitted))))),
       hazard = numbers(exp(found[grepl("^period", names(found))])))
}
both <- c("dose", "armtaper", "armusual")
# With the Weibull model, of another likelihood, as a plausible neighbour.
visits <- function(n, seed) {
  set.seed(seed)
  when <- c(1, 2, 3, 6, 9, 12, 18, 24)
  x <- round(rnorm(n), 3)
  relapse <- rexp(n, 0.1 * exp(0.5 * x))
  seen <- t(sapply(relapse, function(r) {
    w <- when[runif(length(when)) >= 0.2]
    c(max(0, w[w < r]), min(Inf, w[w >= r]))
  }))
  seen[is.infinite(seen)] <- NA
  fit <- survreg(Surv(ifelse(seen[, 1] == 0, NA, seen[, 1]), seen[, 2], type = "interval2") ~ x)
  list(data = list(lower = seen[, 1], upper = seen[, 2], x = x),
       log_hazard_ratio = unname(-coef(fit)["x"] / fit$scale))
}
write_reference(list(
  grouped = case(grouped(120, 1), y ~ period - 1 + dose + arm, y ~ period - 1, both),
  weighted = case(grouped(90, 2, rep(1:3, 30)), y ~ period - 1 + dose + arm, y ~ period - 1, both),
  strata = case(grouped(150, 3), y ~ period - 1 + dose + arm, y ~ period - 1, both, TRUE),
  one = case(grouped(40, 4), y ~ period - 1 + dose, y ~ period - 1, "dose"),
  weibull = visits(400, 5)
), "interval_cox")
