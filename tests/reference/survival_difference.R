# Difference of survival at a fixed time, from survfit's survival, standard error and limits.
source("ugly_data.R")
d <- cohort(120, 22)
d$group <- rep(c("a", "b"), 60)
late <- cohort(120, 23)
late$group <- rep(c("a", "b"), 60)

at <- function(d, time, type, level, ...) {
  fit <- survfit(response(d) ~ group, d, conf.type = type, conf.int = level, ...)
  s <- summary(fit, times = time)
  list(s = s$surv, se = s$std.err, lower = s$lower, upper = s$upper)
}
# Klein's test on the log-log scale; limits by squaring and adding those of each group.
differ <- function(d, time, level = 0.95, ...) {
  x <- at(d, time, "log-log", level, ...)
  scale <- log(-log(x$s)); se <- x$se / (x$s * abs(log(x$s)))
  z <- diff(scale) / sqrt(sum(se^2))
  d1 <- x$s[2] - x$s[1]
  loglog <- list(estimate = d1, std_error = sqrt(sum(x$se^2)),
    lower = d1 - sqrt((x$s[2] - x$lower[2])^2 + (x$upper[1] - x$s[1])^2),
    upper = d1 + sqrt((x$upper[2] - x$s[2])^2 + (x$s[1] - x$lower[1])^2),
    statistic = z^2, p_value = pchisq(z^2, 1, lower.tail = FALSE))
  p <- at(d, time, "plain", level, ...)
  se <- sqrt(sum(p$se^2)); d1 <- diff(p$s); q <- qnorm((1 + level) / 2)
  plain <- list(estimate = d1, std_error = se, lower = d1 - q * se, upper = d1 + q * se,
    statistic = (d1 / se)^2, p_value = pchisq((d1 / se)^2, 1, lower.tail = FALSE))
  list(time = time, level = level, "log-log" = loglog, plain = plain)
}
write_reference(list(
  data = as.list(d), late = as.list(late),
  tests = list(differ(d, 84), differ(d, 91.3), differ(d, 182, 0.9)),
  late_tests = list(differ(late, 56)),
  ipw = list(differ(d, 84, weights = d$ipw, id = seq_len(nrow(d))))
), "survival_difference")
