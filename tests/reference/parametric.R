# Parametric models by survreg (iterated to the end) and, piecewise, by Poisson regression.
source("ugly_data.R")
strict <- survreg.control(maxiter = 200, rel.tolerance = 1e-14, toler.chol = 1e-14)
fits <- function(y, d, weights = NULL, cluster = NULL) {
  d$w <- if (is.null(weights)) rep(1, nrow(d)) else weights
  d$y <- y
  one <- function(dist) {
    f <- survreg(y ~ 1, d, weights = w, dist = dist, control = strict)
    p <- predict(f, newdata = d[1, ], type = "uquantile", p = 0.5, se.fit = TRUE)
    # survreg(cluster = ) leaves the weights out of the robust variance, so it is made here.
    if (!is.null(cluster)) {
      together <- rowsum(as.matrix(residuals(f, "dfbeta", weighted = TRUE)), cluster)
      f$var <- t(together) %*% together
      q <- (p$fit[1] - f$coefficients[[1]])
      slope <- if (dist == "exponential") 1 else c(1, q)
      p$se.fit <- sqrt(drop(slope %*% f$var %*% slope))
    }
    # theta: location, then -log(scale) but for the log-normal; survreg's second is log(scale).
    list(location = f$coefficients[[1]], log_scale = if (dist == "exponential") NULL else log(f$scale),
         covariance = f$var, log_likelihood = f$loglik[1], log_median = as.numeric(p$fit)[1],
         log_median_se = as.numeric(p$se.fit)[1])
  }
  lapply(c(exponential = "exponential", weibull = "weibull", `log-normal` = "lognormal",
           `log-logistic` = "loglogistic"), one)
}
exact <- function(d, ...) fits(Surv(d$time, d$event), d, ...)
d <- empty_entry(cohort(120, 8)); d <- d[d$time > 0, ]
n <- nrow(d)
# Intervals between visits: exact, left, interval and right-censored.
set.seed(4)
t <- rweibull(150, 0.8, 300); v <- sort(c(30, 61, 91, 182, 274, 365, 548, 730))
low <- c(0, v)[findInterval(t, c(0, v))]; high <- c(v, Inf)[findInterval(t, c(0, v))]
known <- runif(150) < 0.2 & is.finite(high)
low[known] <- t[known]; high[known] <- t[known]
both <- data.frame(lower = low, upper = high)
y2 <- Surv(ifelse(low == 0, NA, low), ifelse(is.finite(high), high, NA), type = "interval2")
of <- function(x, f) list(data = as.list(x), fits = f)
cases <- list(
  visits = of(d[c("time", "event")], exact(d)),
  continuous = of(small$continuous[c("time", "event")], exact(small$continuous)),
  days_in_thousands = of(transform(small$continuous[c("time", "event")], time = time * 1000),
                         exact(transform(small$continuous, time = time * 1000))),
  whole_weights = of(cbind(d[c("time", "event")], weight = d$whole), exact(d, weights = d$whole)),
  clusters = of(cbind(d[c("time", "event", "cluster")], weight = d$ipw),
                exact(d, weights = d$ipw, cluster = d$cluster)),
  everybody = of(small$everybody[c("time", "event")], exact(small$everybody)),
  intervals = of(both, fits(y2, both))
)
# Piecewise exponential, late entry too: events over person-time.
pieces <- function(d, cuts) {
  d$start <- ifelse(is.na(d$entry), 0, d$entry); d$row <- seq_len(nrow(d))
  s <- survSplit(Surv(start, time, event) ~ ., d, cut = cuts, episode = "window")
  f <- glm(event ~ factor(window) - 1 + offset(log(time - start)), poisson, s,
           control = list(epsilon = 1e-14, maxit = 100))
  list(data = as.list(d[c("time", "event", "entry")]), breaks = cuts,
       rate = exp(coef(f)), log_rate_se = sqrt(diag(vcov(f))))
}
late <- cohort(120, 6); late <- late[late$time > 0, ]
piecewise <- list(no_late_entry = pieces(d, c(20, 60, 100)), late_entry = pieces(late, c(20, 60, 100)))
write_reference(list(survreg = cases, piecewise = piecewise), "parametric")
