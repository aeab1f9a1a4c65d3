# Ridge penalty of Cox's model: R's ridge() divides by the standard deviation as well.
source("ugly_data.R")
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100, outer.max = 50)
d <- cohort(60, 51)
late <- function(d) Surv(started(d), d$time, d$event)
thetas <- c(20, 3, 0.4)
ridged <- function(formula, ties, ...) lapply(thetas, function(theta) {
  environment(formula) <- environment()
  numbers(coef(coxph(formula, d, ties = ties, control = control, ...)))
})
fits <- list()
for (ties in c("efron", "breslow")) fits[[ties]] <- list(
  plain = ridged(Surv(time, event) ~ ridge(age, dose, sex, theta = theta), ties),
  free = ridged(Surv(time, event) ~ ridge(age, dose, theta = theta) + sex, ties),
  strata = ridged(Surv(time, event) ~ ridge(age, dose, sex, theta = theta) + strata(stratum), ties),
  late = ridged(late(d) ~ ridge(age, dose, sex, theta = theta), ties)
)
write_reference(list(data = as.list(d), theta = thetas, fits = fits), "cox_ridge")
