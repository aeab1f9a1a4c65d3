# Cox's model on tied, weighted, late-entering, stratified and clustered data.
source("ugly_data.R")
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

result <- function(f) {
  s <- summary(f)
  naive <- if (is.null(f$naive.var)) f$var else f$naive.var
  list(
    n = f$n, n_events = f$nevent,
    coef = numbers(coef(f)), std_error = sqrt(diag(naive)),
    robust_std_error = if (is.null(f$naive.var)) NULL else sqrt(diag(f$var)),
    lower = numbers(s$conf.int[, "lower .95"]), upper = numbers(s$conf.int[, "upper .95"]),
    p_value = numbers(s$coefficients[, ncol(s$coefficients)]),
    loglik = f$loglik, likelihood_ratio = numbers(s$logtest[1]), wald = numbers(f$wald.test),
    score = f$score, concordance = numbers(f$concordance[6:7]),
    zph = if (f$method == "exact") NULL else sapply(c("km", "rank", "identity"), function(g)
      unname(cox.zph(f, g)$table), simplify = FALSE)
  )
}

d <- cohort(120, 7)
d$group[5] <- NA; d$age[c(9, 40)] <- NA   # left out and counted
late <- function(d) Surv(started(d), d$time, d$event)
fits <- list()
for (ties in c("efron", "breslow")) {
  fit <- function(formula, data, ...) result(eval(substitute(
    coxph(formula, data, ..., ties = ties, control = control))))
  fits[[ties]] <- list(
    plain = fit(Surv(time, event) ~ group + age + sex, d),
    interaction = fit(Surv(time, event) ~ age * sex + log(dose + 1), d),
    whole = fit(Surv(time, event) ~ group + age + sex, d, weights = whole),
    ipw = fit(Surv(time, event) ~ group + age + sex, d, weights = ipw),
    clusters = fit(Surv(time, event) ~ group + age + sex, d, cluster = cluster),
    late = fit(late(d) ~ group + age + sex, d),
    strata = fit(Surv(time, event) ~ group + age + sex + strata(stratum), d),
    everything = fit(late(d) ~ group + age + sex + strata(stratum), d, weights = ipw,
                     cluster = cluster)
  )
}
few <- cohort(24, 8)
fits$exact <- list(
  plain = result(coxph(Surv(time, event) ~ group + age + sex, d, ties = "exact",
                       control = control)),
  strata = result(coxph(Surv(time, event) ~ group + age + sex + strata(stratum), d,
                        ties = "exact", control = control))
)
# survival 3.5-3 returns this fit without its class, so summary() cannot be asked.
exact <- coxph(late(few) ~ age + sex, few, ties = "exact", control = control)
exact_late <- list(coef = numbers(exact$coefficients), std_error = sqrt(diag(exact$var)),
                   loglik = exact$loglik, score = exact$score)

positive <- d[d$time > 0, ]
log_time <- coxph(Surv(time, event) ~ group + age + sex, positive, control = control)

set.seed(9)
u <- continuous(80, 9); u$x <- rnorm(80); u$z <- rbinom(80, 1, 0.3)
untied <- result(coxph(Surv(time, event) ~ x + z, u, control = control))

near <- cbind(small$near_equal, x = c(0.2, -1, 0.4, 1.2, -0.3, 0.9, 0.1, 0.5, -0.8))
near_fit <- result(coxph(Surv(time, event) ~ x, near, control = control))

# No relapse in group b: R stops at some large coefficient; the others are at their limits.
separated <- cohort(60, 10)
separated$event[separated$group == "b"] <- 0
sep <- suppressWarnings(coxph(Surv(time, event) ~ group + age, separated,
                              control = coxph.control(eps = 1e-12, toler.chol = 1e-14,
                                                      iter.max = 60)))
write_reference(list(
  data = as.list(d), fits = fits,
  exact_late = list(data = as.list(few), fit = exact_late),
  log_time = list(data = as.list(positive), zph = unname(cox.zph(log_time, "log")$table)),
  untied = list(data = as.list(u), fit = untied),
  near = list(data = as.list(near), fit = near_fit),
  separated = list(data = as.list(separated), coef = numbers(coef(sep)),
                   std_error = sqrt(diag(sep$var)), loglik = sep$loglik)
), "cox")
