# Log-rank and G-rho tests. survdiff knows neither late entry nor weights: the score tests of Cox's
# model stand in for it, the discrete one with late entry, Breslow's robust one with weights.
source("ugly_data.R")
d <- cohort(120, 4)
differ <- function(f) list(statistic = f$chisq, df = sum(rowSums(as.matrix(f$exp)) > 0) - 1,
                           p_value = f$pvalue, observed = rowSums(as.matrix(f$obs)),
                           expected = rowSums(as.matrix(f$exp)), variance = f$var)
rho <- c(0, 0.5, 1)
plain <- lapply(rho, function(r) differ(survdiff(Surv(time, event) ~ group, d, rho = r)))
strata <- lapply(rho, function(r)
  differ(survdiff(Surv(time, event) ~ group + strata(stratum), d, rho = r)))
near <- cbind(small$near_equal, group = c("a", "b", "a", "b", "a", "b", "b", "a", "b"))
few <- cohort(24, 5)
late <- coxph(Surv(started(few), time, event) ~ group, few, ties = "exact", init = c(0, 0),
              iter.max = 0)
ipw <- coxph(Surv(time, event) ~ group, d, weights = ipw, ties = "breslow", init = c(0, 0),
             iter.max = 0)
repeated <- d[rep(seq_len(nrow(d)), d$whole), ]
write_reference(list(
  data = as.list(d), rho = rho, plain = plain, strata = strata,
  near = list(data = as.list(near), test = differ(survdiff(Surv(time, event) ~ group, near))),
  whole = differ(survdiff(Surv(time, event) ~ group + strata(stratum), repeated)),
  late = list(data = as.list(few), statistic = late$score),
  ipw = list(statistic = ipw$rscore)
), "log_rank")
