# Pairwise log-rank tests with Holm's adjustment, plain and stratified.
source("ugly_data.R")
d <- cohort(90, 21)
d$group <- rep(c("a", "b", "c", "d"), length.out = 90)
pairs <- combn(c("a", "b", "c", "d"), 2, simplify = FALSE)
raw <- function(f, ...) vapply(pairs, function(p)
  survdiff(f, d[d$group %in% p, ], ...)$pvalue, 0)
report <- function(p) list(p_value = p, p_adjusted = p.adjust(p, "holm"))
p <- c(0.03, 0.01, NA, 0.02, 0.5, 0.01, 0.9)
write_reference(list(
  data = as.list(d), plain = report(raw(Surv(time, event) ~ group)),
  strata = report(raw(Surv(time, event) ~ group + strata(stratum), rho = 1)), holm = report(p)
), "pairwise_log_rank")
