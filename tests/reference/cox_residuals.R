# Residuals of Cox's model on tied, weighted, late-entering, stratified data.
source("ugly_data.R")
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

d <- cohort(60, 27)
d$age[c(9, 33)] <- NA
late <- function(d) Surv(started(d), d$time, d$event)

# survival before 3.8-10 has Schoenfeld residuals wrong with weights: none are taken from it there.
found <- function(f, weighted) {
  r <- function(type, ...) unname(residuals(f, type, ...))
  plain <- list(martingale = r("martingale"), deviance = r("deviance"), score = r("score"),
                dfbeta = r("dfbeta"), dfbetas = r("dfbetas"),
                martingale_by = numbers(r("martingale", collapse = d$cluster[used])),
                dfbeta_by = r("dfbeta", collapse = d$cluster[used]))
  if (weighted) return(plain)
  schoenfeld <- residuals(f, "schoenfeld")
  c(plain, list(event_time = as.numeric(rownames(schoenfeld)), schoenfeld = unname(schoenfeld),
                scaled_schoenfeld = unname(residuals(f, "scaledsch"))))
}
used <- !is.na(d$age)
fits <- list()
for (ties in c("efron", "breslow")) {
  fit <- function(formula, data, ...) eval(substitute(
    coxph(formula, data, ..., ties = ties, control = control)))
  fits[[ties]] <- list(
    plain = found(fit(Surv(time, event) ~ group + age + sex, d), FALSE),
    whole = found(fit(Surv(time, event) ~ group + age + sex, d, weights = whole), TRUE),
    ipw = found(fit(Surv(time, event) ~ group + age + sex, d, weights = ipw), TRUE),
    clusters = found(fit(Surv(time, event) ~ group + age + sex, d, cluster = cluster), FALSE),
    late = found(fit(late(d) ~ group + age + sex, d), FALSE),
    strata = found(fit(Surv(time, event) ~ group + age + sex + strata(stratum), d), FALSE),
    everything = found(fit(late(d) ~ group + age + sex + strata(stratum), d, weights = ipw,
                           cluster = cluster), TRUE)
  )
}
few <- cohort(24, 8)
few$entry <- NA
exact <- coxph(Surv(time, event) ~ age + sex, few, ties = "exact", control = control)
write_reference(list(
  data = as.list(d), fits = fits,
  exact = list(data = as.list(few), martingale = unname(residuals(exact, "martingale")),
               deviance = unname(residuals(exact, "deviance")))
), "cox_residuals")
