# The trial of Steinberg et al. (2009), Ann Intern Med 150:447-454, as in the R package asaur (CC0).
# The data are read from the supplied study, and stand in the result.
source("ugly_data.R")
d <- read.csv("../../datasets/pharmaco-smoking/pharmaco_smoking.csv")
d <- d[c("ttr", "relapse", "grp", "age", "employment")]
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)
fit <- coxph(Surv(ttr, relapse) ~ grp + age + employment, d, control = control)
curves <- survfit(Surv(ttr, relapse) ~ grp, d, conf.type = "log-log")
test <- survdiff(Surv(ttr, relapse) ~ grp, d)
q <- quantile(curves, 0.5)
write_reference(list(
  data = as.list(d),
  log_rank = list(statistic = test$chisq, p_value = test$pvalue),
  coef = numbers(coef(fit)), std_error = sqrt(diag(fit$var)),
  zph = unname(cox.zph(fit)$table), concordance = numbers(fit$concordance[6:7]),
  median = cbind(q$quantile, q$lower, q$upper),
  survival = curves$surv, lower = curves$lower, upper = curves$upper
), "pharmaco_smoking")
