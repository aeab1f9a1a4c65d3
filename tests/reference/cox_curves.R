# Curves that Cox's model predicts, on tied, weighted, late-entering, stratified, clustered data.
source("ugly_data.R")
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

d <- cohort(120, 17)
late <- function(d) Surv(started(d), d$time, d$event)
profiles <- data.frame(group = c("a", "c", "b"), age = c(30, 61, 45), sex = c(0, 1, 1))
# Where the design matrix is 0.
zero <- data.frame(group = "a", age = 0, sex = 0)

curves <- function(f, newdata) {
  s <- survfit(f, newdata = newdata, conf.type = "log-log")
  limits <- sapply(c("log-log", "log", "plain"), function(g) {
    s <- survfit(f, newdata = newdata, conf.type = g)
    list(lower = lapply(columns(s$lower), numbers), upper = lapply(columns(s$upper), numbers))
  }, simplify = FALSE)
  list(time = s$time, at_risk = s$n.risk, events = s$n.event, censored = s$n.censor,
       lengths = if (is.null(s$strata)) length(s$time) else numbers(s$strata),
       hazard = lapply(columns(s$cumhaz), numbers), survival = lapply(columns(s$surv), numbers),
       std_error = lapply(columns(s$std.err), numbers), limits = limits)
}
columns <- function(x) if (is.matrix(x)) lapply(seq_len(ncol(x)), function(j) x[, j]) else list(x)

fits <- list()
for (ties in c("efron", "breslow")) {
  fit <- function(formula, data, ...) eval(substitute(
    coxph(formula, data, ..., ties = ties, control = control)))
  models <- list(
    plain = fit(Surv(time, event) ~ group + age + sex, d),
    whole = fit(Surv(time, event) ~ group + age + sex, d, weights = whole),
    ipw = fit(Surv(time, event) ~ group + age + sex, d, weights = ipw),
    clusters = fit(Surv(time, event) ~ group + age + sex, d, cluster = cluster),
    late = fit(late(d) ~ group + age + sex, d),
    strata = fit(Surv(time, event) ~ group + age + sex + strata(stratum), d),
    everything = fit(late(d) ~ group + age + sex + strata(stratum), d, weights = ipw,
                     cluster = cluster)
  )
  fits[[ties]] <- lapply(models, function(f)
    list(profiles = curves(f, profiles), baseline = curves(f, zero)))
}
few <- cohort(24, 8)
exact <- coxph(Surv(time, event) ~ age + sex, few, ties = "exact", control = control)
write_reference(list(
  data = as.list(d), profiles = as.list(profiles), fits = fits,
  exact = list(data = as.list(few), curves = curves(exact, data.frame(age = 40, sex = 1)))
), "cox_curves")
